using Appliance.Agent.Storage;

namespace Appliance.Agent.Updates;

/// <summary>What an operation does next.</summary>
internal enum UpdateStep
{
    /// <summary>It ends: nothing was touched, and too many starts of the agent found it unfinished.</summary>
    GiveUp,

    /// <summary>It ends: nothing was touched, and somebody has cancelled it.</summary>
    CallOff,

    /// <summary>Looks whether it can be done, and gives the engine its images.</summary>
    Prepare,

    /// <summary>Has the agent that the release brings take over.</summary>
    TakeOver,

    /// <summary>Stops what uses the data that is about to be changed for good, and keeps it.</summary>
    KeepData,

    /// <summary>Exchanges service after service, each proven before the next.</summary>
    Switch,

    /// <summary>Watches all of the release.</summary>
    Observe,

    /// <summary>Makes it the installed release, in one transaction; there is no way back from here on.</summary>
    Commit,

    /// <summary>What follows the commit, and its end.</summary>
    Finish,

    /// <summary>Writes down that it is to be taken back, and why; no way leads back from there either.</summary>
    TurnBack,

    /// <summary>Makes what ran before run again, and ends.</summary>
    GoBack,
}

/// <summary>What this start of the agent has seen of an operation; the journal has the rest.</summary>
/// <remarks>Each start proves anew what may have changed meanwhile: it begins with nothing seen.</remarks>
internal readonly record struct Seen
{
    /// <summary>The agent that runs is the one to go on with it.</summary>
    public bool HasAgent { get; init; }

    /// <summary>What had to be kept of its data is kept.</summary>
    public bool HasData { get; init; }

    /// <summary>Every service that it changes was well.</summary>
    public bool IsSwitched { get; init; }

    /// <summary>All of the release was well, for as long as it had to be.</summary>
    public bool IsProven { get; init; }

    /// <summary>Why the release is not fit to stay.</summary>
    public Unfit? Unfit { get; init; }

    /// <summary>The wait was broken off by somebody who wants it taken back.</summary>
    public bool IsCancelled { get; init; }
}

/// <summary>The whole of the order in which an operation does what it does, over every restart (docs/updates.md).</summary>
internal static class NextStep
{
    private const int MayResume = 3;

    /// <summary>What is next, by the journal and by what was seen; nothing else counts.</summary>
    /// <param name="operation">As the journal has it now; it has not ended.</param>
    /// <param name="seen">By this start of the agent.</param>
    /// <exception cref="InvalidOperationException">A bug: it has ended.</exception>
    public static UpdateStep Of(Operation operation, Seen seen) =>
        operation.Phase switch
        {
            Phase.Committed => UpdateStep.Finish,
            Phase.RollingBack => UpdateStep.GoBack,
            Phase.Pruned or Phase.RolledBack => throw new InvalidOperationException($"{operation.Name} has ended"),
            < Phase.Snapshotting when IsTriedTooOften(operation) => UpdateStep.GiveUp,
            < Phase.Snapshotting when IsCancelled(operation, seen) => UpdateStep.CallOff,
            < Phase.Loaded => UpdateStep.Prepare,
            Phase.Loaded when !seen.HasAgent => UpdateStep.TakeOver,
            _ when Why(operation, seen) is not null => UpdateStep.TurnBack,
            < Phase.Snapshotted when !seen.HasData => UpdateStep.KeepData,
            _ when !seen.IsSwitched => UpdateStep.Switch,
            _ when !seen.IsProven => UpdateStep.Observe,
            _ => UpdateStep.Commit,
        };

    /// <summary>Why an operation does not go on; null: it does.</summary>
    public static Unfit? Why(Operation operation, Seen seen) =>
        IsTriedTooOften(operation) ? new Unfit("", $"the agent was started {operation.Resumed} times while it ran")
        : IsCancelled(operation, seen) ? new Unfit("", $"{operation.CancelledBy ?? "somebody"} cancelled it")
        : seen.Unfit;

    private static bool IsTriedTooOften(Operation operation) => operation.Resumed > MayResume;

    private static bool IsCancelled(Operation operation, Seen seen) =>
        operation.CancelledBy is not null || seen.IsCancelled;
}
