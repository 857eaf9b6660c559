namespace Appliance.Agent.Storage;

internal enum DrillState
{
    Running,

    /// <summary>All that was brought about was recovered from in its time.</summary>
    Done,
    Failed,

    /// <summary>Nothing of it could be brought about here.</summary>
    Refused,
    Cancelled,
}

/// <summary>Disasters on purpose, from the first to the last.</summary>
/// <param name="Until">Nothing is brought about after this.</param>
/// <param name="Sentence">What it does now, or what came of it.</param>
/// <param name="Reason">Why it did not go well; empty when it did.</param>
internal sealed record Drill(
    long Id,
    DrillState State,
    string Actor,
    bool IsShort,
    DateTimeOffset StartedAt,
    DateTimeOffset Until,
    DateTimeOffset? EndedAt,
    string Product,
    string Version,
    string Sentence,
    string Reason,
    string? CancelledBy
)
{
    public bool HasEnded => State is not DrillState.Running;

    /// <summary>As people type it.</summary>
    public string Name => $"drill-{Id}";
}

internal enum DisasterPhase
{
    Planned,

    /// <summary>It may have been brought about from here on, and is undone if the agent ends.</summary>
    Injecting,

    /// <summary>The agent itself was to be killed, and was.</summary>
    Outlived,
    Ended,
}

internal enum DisasterOutcome
{
    Pending,

    /// <summary>Recovered from in its time.</summary>
    Passed,
    Failed,

    /// <summary>It was not brought about; the reason is on record.</summary>
    NotRun,
}

internal enum UndoKind
{
    /// <summary>A file is removed.</summary>
    RemoveFile,

    /// <summary>A container's stopped processes go on.</summary>
    Continue,

    /// <summary>A container gets back the processor time that it had.</summary>
    GiveBackCpu,

    /// <summary>A container is connected to its network, unless that was repaired.</summary>
    Connect,

    /// <summary>The alarm of a full disk comes as late again as it is configured.</summary>
    LowerAlarm,
}

/// <summary>What puts right what a disaster did. Doing it twice, or without need, does no harm.</summary>
/// <param name="Subject">The file, or the container's id.</param>
/// <param name="Value">What it was before.</param>
internal sealed record Undo(UndoKind Kind, string Subject, string Value);

/// <summary>How a disaster went. Times are counted from its injection, or from its undoing where nothing else ends it.</summary>
/// <param name="Target">What was hit.</param>
/// <param name="Asked">Where requests were sent meanwhile; empty: nowhere, and why is said in <paramref name="Why"/>.</param>
/// <param name="DetectedBy">What the agent said when it noticed.</param>
/// <param name="DetectWithin">Null: it need not be noticed.</param>
/// <param name="Gap">The longest time without an answer.</param>
internal sealed record DisasterResult(
    DisasterOutcome Outcome,
    string Why,
    string Target,
    string Asked,
    TimeSpan? Detected,
    string DetectedBy,
    TimeSpan? DetectWithin,
    TimeSpan? Recovered,
    TimeSpan? RecoverWithin,
    bool FromUndo,
    long Requests,
    long Lost,
    TimeSpan Gap
)
{
    public static DisasterResult Pending { get; } =
        new(DisasterOutcome.Pending, "", "", "", null, "", null, null, null, false, 0, 0, TimeSpan.Zero);
}

/// <param name="Number">Its place in the drill, from 1.</param>
/// <param name="Service">What it is aimed at.</param>
/// <param name="Undo">What is to be undone; null: nothing, or no more.</param>
/// <param name="Boot">In which boot of the machine it was brought about.</param>
/// <param name="Ticks">When, on the clock that goes on within a boot.</param>
internal sealed record DisasterRecord(
    int Number,
    string Name,
    string Service,
    DisasterPhase Phase,
    Undo? Undo,
    string Boot,
    long Ticks,
    DisasterResult Result
);

/// <param name="Disaster">Its name; "" for the drill as a whole.</param>
internal sealed record DrillStep(long Sequence, DateTimeOffset Time, string Disaster, StepOutcome Outcome, string Text);
