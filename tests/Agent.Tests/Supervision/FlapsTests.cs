using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>A replica that is well and unwell by turns.</summary>
public sealed class FlapsTests
{
    private static readonly FlapRule Rule = new(3, TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(1));

    private readonly ManualClock clock = new();
    private readonly Flaps flaps;
    private readonly List<NewEvent> told = [];

    public FlapsTests() => flaps = new Flaps(clock);

    [Fact]
    public void More_changes_than_so_many_within_so_long_are_flapping_and_told_once()
    {
        Looks(HealthState.Healthy, HealthState.Unhealthy, HealthState.Healthy, HealthState.Unhealthy);
        Assert.Empty(Flapping());
        Looks(HealthState.Healthy, HealthState.Healthy, HealthState.Unhealthy);
        Assert.Equal(5, Assert.Single(Flapping()).Value.Changes);
        Assert.Equal(
            "replica 1 changed between healthy and unhealthy 4 times within 10 min",
            Assert.Single(told).Found
        );
    }

    [Fact]
    public void It_counts_as_healthy_again_once_it_has_stayed_so()
    {
        Flap();
        Looks(HealthState.Unhealthy, HealthState.Healthy);
        clock.Advance(TimeSpan.FromSeconds(58));
        Looks(HealthState.Healthy);
        var flap = Assert.Single(Flapping()).Value;
        Assert.Equal(clock.GetUtcNow() + TimeSpan.FromSeconds(1), flap.SteadyAt);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(Look(HealthState.Healthy));
        Assert.Empty(Flapping());
        // And begins anew.
        Looks(HealthState.Unhealthy, HealthState.Healthy);
        Assert.Empty(Flapping());
    }

    [Fact]
    public void Time_that_it_is_not_healthy_makes_it_no_steadier()
    {
        Flap();
        Looks(HealthState.Unhealthy);
        clock.Advance(TimeSpan.FromHours(1));
        Looks(HealthState.Starting);
        Assert.Single(Flapping());
        Looks(HealthState.Healthy);
        Assert.Single(Flapping());
    }

    [Fact]
    public void Changes_that_are_further_apart_are_none()
    {
        for (var i = 0; i < 20; i++)
        {
            Looks(i % 2 == 0 ? HealthState.Healthy : HealthState.Unhealthy);
            clock.Advance(TimeSpan.FromMinutes(5));
        }
        Assert.Empty(Flapping());
    }

    [Fact]
    public void Whoever_says_that_it_is_busy_does_not_flap_nor_does_a_start()
    {
        for (var i = 0; i < 10; i++)
            Looks(HealthState.Healthy, HealthState.Unready, HealthState.Starting, HealthState.None);
        Assert.Empty(Flapping());
    }

    [Fact]
    public void Another_definition_or_somebody_who_wants_it_to_run_begins_anew()
    {
        Flap();
        Look(HealthState.Healthy, "other");
        Assert.Empty(Flapping());

        Flap();
        flaps.Forgive(new Slot("web", 1));
        Looks(HealthState.Healthy);
        Assert.Empty(Flapping());
    }

    [Fact]
    public void One_that_flaps_runs_on_and_is_neither_ready_nor_relied_on()
    {
        var scenario = new Scenario()
            .Service("web")
            .With(s => s with { Routes = [new(Bundles.Compose.IngressProtocol.Http, 80, null, "/", null)] })
            .Container("web", c => c with { Health = HealthState.Healthy });
        scenario.Flapping[new Slot("web", 1)] = new(7, TimeSpan.FromMinutes(10), Scenario.Now.AddSeconds(30));
        var plan = scenario.Plan();
        var slot = Assert.Single(Assert.Single(plan.Services).Slots);
        Assert.Equal((ServiceState.Unready, HealthState.Flapping), (slot.State, slot.Health));
        Assert.Contains("changed between healthy and unhealthy 7 times within 10 min", slot.Explanation);
        Assert.Empty(plan.Steps);
        Assert.Equal(Scenario.Now.AddSeconds(30), plan.WakeAt);
        Assert.False(Assert.Single(Assert.Single(scenario.Published()).Servers).IsReady);
    }

    [Theory]
    [InlineData("HTTP 500")]
    [InlineData("wget: bad address 'db'")]
    public void For_the_ladder_all_that_it_says_is_one_cause(string output)
    {
        var scenario = new Scenario()
            .Service("web")
            .Container("web", c => c with { Health = HealthState.Unhealthy, HealthOutput = output });
        scenario.Flapping[new Slot("web", 1)] = new(7, TimeSpan.FromMinutes(10), Scenario.Now);
        Assert.Equal(Cause.Flapping, Assert.IsType<Step.Restart>(Assert.Single(scenario.Plan().Steps)).Cause);
    }

    private void Flap() =>
        Looks(
            HealthState.Healthy,
            HealthState.Unhealthy,
            HealthState.Healthy,
            HealthState.Unhealthy,
            HealthState.Healthy
        );

    /// <summary>One look a second.</summary>
    private void Looks(params IReadOnlyList<HealthState> states)
    {
        foreach (var state in states)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            Look(state);
        }
    }

    private bool Look(HealthState state, string definition = "hash")
    {
        var plan = new Scenario()
            .Service("web", hash: definition)
            .Container("web", c => c with { ConfigHash = definition })
            .Plan();
        var service = Assert.Single(plan.Services);
        return flaps.Look(
            plan with
            {
                Services = [service with { Slots = [service.Slots[0] with { Health = state }] }],
            },
            Rule,
            told.Add
        );
    }

    private IReadOnlyDictionary<Slot, Flap> Flapping() => flaps.Current(Rule, clock.GetUtcNow());
}
