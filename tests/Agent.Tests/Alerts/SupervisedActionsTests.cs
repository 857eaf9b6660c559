using Appliance.Agent.Alerts;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;
using Appliance.Agent.Tests.Storage;

namespace Appliance.Agent.Tests.Alerts;

/// <summary>What is done for an alert, and what an alert may not do.</summary>
public sealed class SupervisedActionsTests : IDisposable
{
    private readonly ScratchState state = new();
    private readonly OpenState open;
    private readonly UpdateJournal updates;
    private readonly FixedSupervisor supervisor = new();
    private readonly SupervisedActions actions;

    public SupervisedActionsTests()
    {
        open = state.Open();
        updates = new UpdateJournal(open.Database, state.Clock);
        actions = new SupervisedActions(supervisor, open.Wishes, updates, state.Clock);
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        open.Dispose();
        state.Dispose();
    }

    [Fact]
    public async Task A_service_is_restarted_in_the_name_of_the_sender()
    {
        Assert.IsType<ActionOutcome.Done>(await actions.RestartAsync("web", "webhook:am", "alert A, rule r", Ct));
        Assert.Equal(["restart web by webhook:am: alert A, rule r"], supervisor.Asked);
    }

    [Fact]
    public async Task Nothing_is_done_against_a_persons_wish_or_beside_an_update_or_to_what_is_not_there()
    {
        Assert.Equal("the release that runs has no service wbe", await RefusedAsync("wbe"));
        open.Wishes.Stop("web", "uid:0 (root)", "disk swap");
        Assert.Equal("uid:0 (root) asked to stop web", await RefusedAsync("web"));
        open.Wishes.Clear("web");
        updates.Begin(
            new Operation(
                0,
                OperationKind.Upgrade,
                OperationState.Running,
                Phase.Verified,
                "demo",
                null,
                "1.0.0",
                "sha256:a",
                "2.0.0",
                "a test",
                DateTimeOffset.UnixEpoch,
                null,
                "demo 2.0.0 is verified",
                "",
                "",
                null,
                0
            ),
            new KnownRelease("sha256:a", new byte[] { 1 }),
            trust: null
        );
        Assert.Equal("op-1 is under way: demo 2.0.0 is verified", await RefusedAsync("web"));
        Assert.Empty(supervisor.Asked);
    }

    [Theory]
    [InlineData(true, "exited", null)]
    [InlineData(true, "running", "clean is running")]
    [InlineData(false, "exited", "clean is no service that runs once and ends")]
    public async Task Only_a_one_shot_that_does_not_run_is_run(bool isOneShot, string container, string? why)
    {
        supervisor.View = Views.Of(
            Views.Service("clean", containers: Container(container)) with
            {
                IsMeantToEnd = isOneShot,
            }
        );
        var outcome = await actions.RunAsync("clean", "webhook:am", "", Ct);
        Assert.Equal(why, (outcome as ActionOutcome.Refused)?.Why);
        Assert.Equal(why is null ? 1 : 0, supervisor.Asked.Count);
    }

    [Fact]
    public async Task What_is_not_available_yet_is_refused()
    {
        Assert.EndsWith("not available yet", Why(await actions.RecreateAsync("web", "webhook:am", "", Ct)));
        Assert.EndsWith("not available yet", Why(await actions.RebootAsync("webhook:am", "", Ct)));
    }

    [Fact]
    public async Task An_engine_that_takes_its_time_is_waited_for_and_not_for_ever()
    {
        supervisor.View = Views.Of(Views.Service("web", ServiceState.Pending));
        var ready = actions.UntilReadyAsync("web", Ct);
        Assert.False(ready.IsCompleted);
        supervisor.View = Views.Of(Views.Service("web"));
        await ready;
        supervisor.View = supervisor.View with { Engine = Views.Reachable with { Reachable = false } };
        ready = actions.UntilReadyAsync("web", Ct);
        Assert.False(ready.IsCompleted);
        state.Clock.Advance(SupervisedActions.Patience);
        await ready;
        await actions.UntilReadyAsync(null, Ct);
    }

    private async Task<string> RefusedAsync(string service)
    {
        await actions.UntilReadyAsync(service, Ct);
        return Why(await actions.RestartAsync(service, "webhook:am", "", Ct));
    }

    private static string Why(ActionOutcome outcome) => Assert.IsType<ActionOutcome.Refused>(outcome).Why;

    private static ContainerView Container(string state) =>
        new("c", "c-1", 1, state, "", null, null, null, 0, OomKilled: false, null, 0, "image", []);
}
