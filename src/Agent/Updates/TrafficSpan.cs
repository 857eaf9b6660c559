using Appliance.Agent.Ingress;

namespace Appliance.Agent.Updates;

/// <summary>The requests to containers between two looks at ingress. Pure.</summary>
/// <param name="From">The look from which on it counts: what came before is held against nobody.</param>
internal sealed record TrafficSpan(IngressTotals From, IngressTotals To)
{
    // Of fewer requests it cannot be said how many usually fail.
    private const int Enough = 50;

    public static TrafficSpan None { get; } = new(IngressTotals.None, IngressTotals.None);

    public long Requests => To.Services.Sum(s => s.Requests) - From.Services.Sum(s => s.Requests);

    public long Failed => To.Services.Sum(s => s.Failed) - From.Services.Sum(s => s.Failed);

    /// <summary>How what is new fares beside what was there before.</summary>
    /// <param name="fresh">Ids of the new containers.</param>
    /// <param name="before">
    /// Ids of those that served before. Where they go as the new ones come there is next to nothing to compare with: then all
    /// that they ever had counts, if it speaks for the new ones.
    /// </param>
    public (Tally New, Tally Others) Compare(string service, IReadOnlySet<string> fresh, IReadOnlySet<string> before)
    {
        var mine = To.Servers.Where(s => s.Service == service).ToLookup(s => fresh.Contains(s.ContainerId));
        var meanwhile = Of(mine[false].Select(Since));
        var ever = Of(mine[false].Where(s => before.Contains(s.ContainerId)));
        var isEnough = meanwhile.Requests >= Enough || meanwhile.ErrorRatio >= ever.ErrorRatio;
        return (Of(mine[true].Select(Since)), isEnough ? meanwhile : ever);
    }

    private ServerTotals Since(ServerTotals now) =>
        From.Servers.FirstOrDefault(s => s.ContainerId == now.ContainerId) is { } then
            ? now with
            {
                // One that was forgotten meanwhile counts anew.
                Requests = Math.Max(0, now.Requests - then.Requests),
                Failed = Math.Max(0, now.Failed - then.Failed),
            }
            : now;

    private static Tally Of(IEnumerable<ServerTotals> servers)
    {
        var all = servers.ToList();
        var answering = all.Where(s => s is { ResponseTime: not null, Requests: > 0 }).ToList();
        var weight = answering.Sum(s => s.Requests);
        return new(
            all.Sum(s => s.Requests),
            all.Sum(s => s.Failed),
            weight == 0
                ? null
                : TimeSpan.FromTicks(
                    (long)answering.Sum(s => s.ResponseTime!.Value.Ticks * ((double)s.Requests / weight))
                )
        );
    }
}
