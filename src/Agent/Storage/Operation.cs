namespace Appliance.Agent.Storage;

internal enum OperationKind
{
    Install,
    Upgrade,
    Rollback,
}

internal enum OperationState
{
    Running,
    Done,

    /// <summary>It could not be done, and what ran before runs untouched.</summary>
    Failed,

    /// <summary>A precondition did not hold; nothing was changed.</summary>
    Refused,

    /// <summary>Begun, and taken back.</summary>
    RolledBack,
    Cancelled,
}

/// <summary>How far an operation is. Up to <see cref="Loaded"/> nothing that runs was touched.</summary>
internal enum Phase
{
    Verified,
    Preflighted,
    Loading,
    Loaded,

    /// <summary>What writes to data that is about to be changed for good is stopped, and the data is kept.</summary>
    Snapshotting,

    /// <summary>From here on the data that was kept is what a way back brings back.</summary>
    Snapshotted,
    Switching,
    Observing,

    /// <summary>The new release is the one to run, whatever happens from here on.</summary>
    Committed,
    Pruned,
    RollingBack,
    RolledBack,
}

/// <summary>One install, upgrade or rollback, from its beginning on.</summary>
/// <param name="FromDigest">Null: nothing was installed.</param>
/// <param name="Sentence">What it does now, or what came of it.</param>
/// <param name="Reason">Why it did not go well; empty when it did.</param>
/// <param name="Evidence">What the failing service said.</param>
/// <param name="Resumed">How often a start of the agent found it unfinished.</param>
internal sealed record Operation(
    long Id,
    OperationKind Kind,
    OperationState State,
    Phase Phase,
    string Product,
    string? FromDigest,
    string FromVersion,
    string ToDigest,
    string ToVersion,
    string Actor,
    DateTimeOffset StartedAt,
    DateTimeOffset? EndedAt,
    string Sentence,
    string Reason,
    string Evidence,
    string? CancelledBy,
    int Resumed
)
{
    /// <summary>In which words somebody has agreed that data may be lost, because none is kept; null: nobody has.</summary>
    public string? WithoutSnapshot { get; init; }

    /// <summary>The agent that gave way to the one of the release, as its guardian calls it; null: none did.</summary>
    public string? AgentBefore { get; init; }

    public bool HasEnded => State is not OperationState.Running;

    /// <summary>As people type it.</summary>
    public string Name => $"op-{Id}";
}

internal enum StepOutcome
{
    /// <summary>Intended; whether it took effect is not known until another outcome follows.</summary>
    Begun,
    Done,
    Failed,
}

/// <param name="Service">The service that it is about; null for the release as a whole.</param>
internal sealed record OperationStep(
    long Sequence,
    DateTimeOffset Time,
    Phase Phase,
    StepOutcome Outcome,
    string? Service,
    string Text
);

/// <param name="Digest">Of its index: what it is called inside the appliance.</param>
/// <param name="Descriptor">The signed bytes that lead to everything else.</param>
internal sealed record KnownRelease(string Digest, byte[] Descriptor);

/// <summary>What the operation will make trusted when it commits.</summary>
internal sealed record PendingTrust(
    ReadOnlyMemory<byte> Timestamp,
    ReadOnlyMemory<byte> Snapshot,
    ReadOnlyMemory<byte> Targets
);
