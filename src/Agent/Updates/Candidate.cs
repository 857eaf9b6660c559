using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Updates;

/// <summary>A service that has to prove itself.</summary>
/// <param name="ConfigHash">As the release has it that it is to be.</param>
/// <param name="StartPeriod">What it declares that it takes to start.</param>
internal sealed record Candidate(string Service, string ConfigHash, TimeSpan StartPeriod)
{
    // What ingress and the engine need on top of the time that a container has.
    private static readonly TimeSpan ToEnd = TimeSpan.FromSeconds(10);

    /// <summary>In how many turns its replicas are exchanged, and how long each of them has to be ready before the next.</summary>
    public (int Count, TimeSpan Each) Turns { get; init; } = (1, TimeSpan.Zero);

    /// <summary>How long a container that it replaces may take to end its requests, and then itself.</summary>
    public TimeSpan Leaves { get; init; }

    /// <summary>In which it has to come to its end, as it says itself; null: it does not say.</summary>
    public TimeSpan? Limit { get; init; }

    /// <summary>What it may take until all of it is well, where a container may take so long to start.</summary>
    public TimeSpan Within(TimeSpan start) =>
        Limit ?? (Leaves + start + StartPeriod + Turns.Each) * Math.Max(1, Turns.Count) - Turns.Each;

    /// <param name="service">As the release has it that it is to be.</param>
    /// <param name="configHash">Of that.</param>
    /// <param name="predecessor">What its containers take the place of; null: of none.</param>
    /// <param name="isReturn">Whether it is a way back, on which another policy may be in force.</param>
    public static Candidate Of(ComposeService service, string configHash, ComposeService? predecessor, bool isReturn)
    {
        var policy = DesiredStateBuilder.PolicyOf(service.Deploy, isReturn);
        var turns =
            policy.Parallelism == 0 ? 1 : (service.Deploy.Replicas + policy.Parallelism - 1) / policy.Parallelism;
        return new Candidate(service.Name, configHash, StartPeriods.Of(service))
        {
            Turns = (turns, policy.Monitor + policy.Delay),
            Limit = service.Migration?.Timeout,
            Leaves = predecessor is null ? TimeSpan.Zero : LeavesOf(predecessor),
        };
    }

    // Requests under way have that time, whoever they are from, and what they leave of it is cut off by a stop, which may take
    // as long again.
    private static TimeSpan LeavesOf(ComposeService service) => (service.StopGracePeriod * 2) + ToEnd;
}
