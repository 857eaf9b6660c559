using Appliance.Agent.Storage;

namespace Appliance.Agent.Tests.Storage;

/// <summary>
/// Words that are in the state file. The agent before, which is gone back to when its successor is not well, has to know them:
/// one that is new may be read from one version on, and written from the next (decision 0021).
/// </summary>
public sealed class StoredWordsTests
{
    [Theory]
    [InlineData(typeof(OperationKind), "Install Upgrade Rollback")]
    [InlineData(typeof(OperationState), "Running Done Failed Refused RolledBack Cancelled")]
    [InlineData(
        typeof(Phase),
        "Verified Preflighted Loading Loaded Snapshotting Snapshotted Switching Observing Committed Pruned RollingBack RolledBack"
    )]
    [InlineData(typeof(StepOutcome), "Begun Done Failed")]
    [InlineData(typeof(EventSeverity), "Info Warning Error")]
    [InlineData(typeof(SnapshotState), "Wanted Made PutBack Gone")]
    [InlineData(typeof(AlertAction), "Nothing Restart Recreate Run Reboot")]
    [InlineData(
        typeof(AlertState),
        "Unmatched Resolved Nothing DryRun CoolingDown Queued Acting Done Refused Interrupted"
    )]
    [InlineData(typeof(DrillState), "Running Done Failed Refused Cancelled")]
    [InlineData(typeof(DisasterPhase), "Planned Injecting Outlived Ended")]
    [InlineData(typeof(DisasterOutcome), "Pending Passed Failed NotRun")]
    [InlineData(typeof(UndoKind), "RemoveFile Continue GiveBackCpu Connect LowerAlarm")]
    public void A_word_that_the_agent_before_does_not_know_is_not_written(Type words, string known) =>
        Assert.Equal(known, string.Join(' ', Enum.GetNames(words)));
}
