using Appliance.Agent.Storage;
using Appliance.Agent.Tests.Storage;
using Appliance.Agent.Updates;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What people say to an operation on its way holds, whatever it does at that moment.</summary>
public sealed class RolloutTests : IDisposable
{
    private readonly ScratchState scratch = new();
    private readonly OpenState state;
    private readonly UpdateJournal journal;
    private readonly Rollout rollout;
    private readonly Operation operation;

    public RolloutTests()
    {
        state = scratch.Open();
        journal = new UpdateJournal(state.Database, scratch.Clock);
        rollout = new Rollout(journal, new RolloutTable(state.Database));
        operation = journal.BeginUpgrade(scratch.Clock.GetUtcNow());
    }

    public void Dispose()
    {
        state.Dispose();
        scratch.Dispose();
    }

    [Fact]
    public void One_that_is_held_does_not_commit_until_it_is_let_go()
    {
        journal.Record(operation.Id, Phase.Observing, StepOutcome.Begun, "watching all services");
        rollout.Pause("alice");
        Assert.False(journal.Commit(operation, "committed"));
        rollout.Promote("bob");
        Assert.True(journal.Commit(operation, "committed"));
    }

    [Theory]
    [InlineData(nameof(Phase.Committed))]
    [InlineData(nameof(Phase.RollingBack))]
    public void One_that_can_no_longer_be_held_is_not_said_to_be(string phase)
    {
        if (phase == nameof(Phase.Committed))
            journal.Commit(operation, "committed");
        else
            journal.TurnBack(operation.Id, "going back", "web is ill", "");
        Assert.Throws<RefusedException>(() => rollout.Pause("alice"));
        Assert.False(rollout.IsHeld(operation));
    }

    [Fact]
    public void A_trial_that_comes_nearer_to_its_end_or_to_it_forgets_no_hold()
    {
        var table = new RolloutTable(state.Database);
        rollout.BeginTrial(operation, "web", TimeSpan.FromMinutes(5));
        rollout.Pause("alice");
        rollout.Spend(operation, TimeSpan.FromMinutes(4));
        Assert.Equal(new RolloutRecord("alice", null, "web", TimeSpan.FromMinutes(4)), table.Of(operation.Id));
        rollout.EndTrial(operation);
        Assert.Equal(new RolloutRecord("alice", null, null, TimeSpan.Zero), table.Of(operation.Id));
    }

    [Fact]
    public void Who_promotes_a_trial_promotes_that_one_only()
    {
        Assert.Throws<RefusedException>(() => rollout.Promote("alice"));
        rollout.BeginTrial(operation, "web", TimeSpan.FromMinutes(5));
        rollout.Promote("alice");
        Assert.Equal("alice", rollout.Of(operation).PromotedBy);
        Assert.Null(rollout.BeginTrial(operation, "api", TimeSpan.FromMinutes(1)).PromotedBy);
    }
}
