using Appliance.Bundles.Compose;

namespace Appliance.Agent.Supervision;

/// <summary>Whether two lists of probes ask the same. Records compare their lists by reference.</summary>
internal static class ProbesAlike
{
    public static bool Are(IReadOnlyList<Probe> a, IReadOnlyList<Probe> b) =>
        ReferenceEquals(a, b) || (a.Count == b.Count && a.Zip(b).All(p => Alike(p.First, p.Second)));

    private static bool Alike(Probe a, Probe b) =>
        (a, b) switch
        {
            (ExecProbe x, ExecProbe y) => x with { Command = y.Command } == y && x.Command.SequenceEqual(y.Command),
            (HttpProbe x, HttpProbe y) => x with
            {
                Statuses = y.Statuses,
                Headers = y.Headers,
                ExpectedHeaders = y.ExpectedHeaders,
            } == y
                && x.Statuses.SequenceEqual(y.Statuses)
                && x.Headers.SequenceEqual(y.Headers)
                && x.ExpectedHeaders.SequenceEqual(y.ExpectedHeaders),
            _ => a == b,
        };
}
