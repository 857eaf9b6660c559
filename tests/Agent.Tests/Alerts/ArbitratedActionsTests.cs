using Appliance.Agent.Alerts;
using Appliance.Agent.Supervision;
using Appliance.Agent.Tests.Control;
using Appliance.Agent.Tests.Healing;

namespace Appliance.Agent.Tests.Alerts;

/// <summary>What is done for an alert is what the arbiter allows; what it refuses is covered where it is tested.</summary>
public sealed class ArbitratedActionsTests : IDisposable
{
    private readonly HealingRoom room = new();
    private readonly ArbitratedActions actions;

    public ArbitratedActionsTests() => actions = new(room.Arbiter, room.Supervisor, room.Journal, room.Clock);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => room.Dispose();

    [Fact]
    public async Task A_service_is_restarted_in_the_name_of_the_sender()
    {
        Assert.IsType<ActionOutcome.Done>(await actions.RestartAsync("web", "webhook:am", "alert A, rule r", Ct));
        Assert.Equal(["restart web by webhook:am: alert A, rule r"], room.Supervisor.Asked);
    }

    [Fact]
    public async Task What_the_arbiter_refuses_is_not_done_and_its_reason_is_told()
    {
        var refused = Assert.IsType<ActionOutcome.Refused>(await actions.RestartAsync("wbe", "webhook:am", "", Ct));
        Assert.Equal("there is no service wbe", refused.Why);
        Assert.Empty(room.Supervisor.Asked);
    }

    [Fact]
    public async Task An_engine_that_takes_its_time_is_waited_for_and_not_for_ever()
    {
        room.Supervisor.View = Views.Of(Views.Service("web", ServiceState.Pending));
        var ready = actions.UntilReadyAsync("web", Ct);
        Assert.False(ready.IsCompleted);
        room.Supervisor.View = Views.Of(Views.Service("web"));
        await ready;
        room.Supervisor.View = room.Supervisor.View with { Engine = Views.Reachable with { Reachable = false } };
        ready = actions.UntilReadyAsync("web", Ct);
        Assert.False(ready.IsCompleted);
        room.Clock.Advance(ArbitratedActions.Patience);
        await ready;
        await actions.UntilReadyAsync(null, Ct);
    }
}
