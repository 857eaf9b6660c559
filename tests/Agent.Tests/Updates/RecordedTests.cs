using Appliance.Agent.Storage;
using Appliance.Agent.Updates;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What a start of the agent knows of the services of an operation that it goes on with.</summary>
public sealed class RecordedTests
{
    private readonly List<OperationStep> steps = [];

    [Fact]
    public void Nothing_has_begun_by_noting_what_was_not_well_before()
    {
        Add(Phase.Loaded, StepOutcome.Done);
        Add(Phase.Switching, StepOutcome.Done, "db");
        Assert.False(Recorded.HasBegun(steps));
        Assert.Equal(["db"], Recorded.Ailing(steps, changed: ["web"]));
        Add(Phase.Switching, StepOutcome.Begun, "web");
        Assert.True(Recorded.HasBegun(steps));
    }

    [Fact]
    public void A_service_that_was_kept_though_it_was_not_well_is_excused()
    {
        Add(Phase.Switching, StepOutcome.Begun, "web");
        Add(Phase.Switching, StepOutcome.Failed, "web", "web is ill");
        Add(Phase.Switching, StepOutcome.Begun, "db");
        var (service, reason) = Assert.Single(Recorded.Tolerated(steps));
        Assert.Equal(("web", "web is ill"), (service, reason));
    }

    [Fact]
    public void A_failure_of_which_nothing_was_made_yet_is_to_be_judged_again()
    {
        Add(Phase.Switching, StepOutcome.Begun, "web");
        Add(Phase.Switching, StepOutcome.Failed, "web");
        Assert.Empty(Recorded.Tolerated(steps));
    }

    [Fact]
    public void One_that_got_well_after_all_has_to_stay_so()
    {
        Add(Phase.Switching, StepOutcome.Begun, "web");
        Add(Phase.Switching, StepOutcome.Failed, "web");
        Add(Phase.Switching, StepOutcome.Done, "web");
        Add(Phase.Observing, StepOutcome.Begun);
        Assert.Empty(Recorded.Tolerated(steps));
    }

    private void Add(Phase phase, StepOutcome outcome, string? service = null, string text = "said") =>
        steps.Add(new(steps.Count + 1, DateTimeOffset.UnixEpoch, phase, outcome, service, text));
}
