using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>Nobody uses data that is about to be kept, or brought back.</summary>
public sealed class StandstillTests
{
    private static readonly HashSet<string> Rows = ["app_rows"];

    [Fact]
    public void What_mounts_it_stops_after_what_depends_on_it()
    {
        var scenario = new Scenario()
            .Service("db")
            .With(Using)
            .Service("cache")
            .Service("api", needs: [("db", DependencyCondition.Started), ("cache", DependencyCondition.Started)])
            .Service("web", needs: [("api", DependencyCondition.Started)])
            .With(Using)
            .Container("db", Using)
            .Container("cache")
            .Container("api")
            .Container("web", Using);

        var plan = scenario.Plan(Still(scenario.State().Item1));

        Assert.False(plan.IsStill);
        Assert.Equal(["app-web-1"], plan.Steps.OfType<Step.Stop>().Select(s => s.Name));
        var db = plan.Services.Single(s => s.Service.Name == "db");
        Assert.Equal(ServiceState.Stopping, db.State);
        Assert.Contains("once web has", db.Explanation, StringComparison.Ordinal);
    }

    [Fact]
    public void What_has_stopped_is_not_started_again_and_its_run_is_excused()
    {
        var scenario = new Scenario().Service("db").With(Using).Container("db", Using);
        var running = scenario.Plan(Still(scenario.State().Item1));
        var stop = Assert.Single(running.Steps.OfType<Step.Stop>());
        Assert.Equal(Scenario.Now.AddMinutes(-10), stop.Excuses);

        var stopped = new Scenario()
            .Service("db")
            .With(Using)
            .Container("db", c => Scenario.Exited(Using(c), 137, TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(1)));
        var plan = stopped.Plan(Still(stopped.State().Item1));

        Assert.True(plan.IsStill);
        Assert.Empty(plan.Steps);
        Assert.Equal(ServiceState.KeptStill, Assert.Single(plan.Services).State);
    }

    [Fact]
    public void What_is_as_the_next_release_has_it_may_use_it()
    {
        var scenario = new Scenario().Service("db").With(Using).Container("db", Using);
        var desired = Still(scenario.State().Item1);
        desired = desired with
        {
            Services = [.. desired.Services.Select(s => s with { MayUseStill = true, IsKeptStill = false })],
        };

        var plan = scenario.Plan(desired);

        Assert.Empty(plan.Steps);
        Assert.Equal(ServiceState.Running, Assert.Single(plan.Services).State);
    }

    [Fact]
    public void It_is_not_still_while_requests_from_outside_are_under_way()
    {
        var scenario = new Scenario().Service("web").Container("web");
        scenario.Traffic = Traffic.None with { IsServing = true };
        Assert.False(scenario.Plan(Still(scenario.State().Item1) with { IsClosed = true }).IsStill);

        scenario.Traffic = Traffic.None with { IsServing = true, IsClosed = true };
        Assert.True(scenario.Plan(Still(scenario.State().Item1) with { IsClosed = true }).IsStill);
    }

    [Fact]
    public void A_start_that_was_begun_for_a_release_that_is_left_is_waited_for()
    {
        // It was looked at before it was started.
        var scenario = new Scenario()
            .Service("db")
            .With(Using)
            .Service("web")
            .Container("migrate", c => Using(c) with { State = RunState.Created })
            .Container("web", c => Using(c) with { State = RunState.Created });
        var desired = Still(scenario.State().Item1);
        Assert.True(scenario.Plan(desired).IsStill);

        // One of a service that is not wanted any more, and one of a service that did not use the data before.
        foreach (var service in (string[])["migrate", "web"])
        {
            scenario.InFlight.Clear();
            scenario.InFlight[$"{service}/1"] = new Step.Start($"{service}1-id-0123456789", "", false, 0, "")
            {
                Slot = new Slot(service, 1),
            };
            Assert.False(scenario.Plan(desired).IsStill);
        }

        // One that is not known yet may use anything; and one that is being made has it looked after when it is made.
        scenario.InFlight.Clear();
        scenario.InFlight["other/1"] = new Step.Start("nobody-knows", "", false, 0, "") { Slot = new Slot("other", 1) };
        Assert.False(scenario.Plan(desired).IsStill);
        scenario.InFlight["other/1"] = new Step.Create(desired.Service("db")!, "", false, "")
        {
            Slot = new Slot("other", 1),
        };
        Assert.False(scenario.Plan(desired).IsStill);
        scenario.InFlight["other/1"] = new Step.Create(desired.Service("web")!, "", false, "")
        {
            Slot = new Slot("other", 1),
        };
        Assert.True(scenario.Plan(desired).IsStill);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("another")]
    public void What_is_not_the_agents_to_stop_is_not_waited_for_here(string? owner)
    {
        var scenario = new Scenario()
            .Service("db")
            .With(Using)
            .Service("web", needs: [("db", DependencyCondition.Started)])
            .Container("db", Using)
            // By its name it stands where a service's container is to be.
            .Container("web", c => Using(c) with { Ours = false, ForeignOwner = "another", Slot = new Slot("web", 1) })
            .Container(
                "shell",
                c => Using(c) with { Ours = false, ForeignOwner = owner, Slot = null, Name = "app-shell" }
            );

        Assert.Equal(
            ["app-db-1"],
            scenario.Plan(Still(scenario.State().Item1)).Steps.OfType<Step.Stop>().Select(s => s.Name)
        );

        var stopped = new Scenario()
            .Service("db")
            .With(Using)
            .Container(
                "shell",
                c => Using(c) with { Ours = false, ForeignOwner = owner, Slot = null, Name = "app-shell" }
            );
        Assert.True(stopped.Plan(Still(stopped.State().Item1)).IsStill);
    }

    [Fact]
    public void What_is_to_run_is_not_known_and_only_what_uses_it_is_taken_away()
    {
        var scenario = new Scenario().Container("db", Using).Container("web");
        scenario.Networks["app_old"] = new ObservedNetwork("net2", "app_old", "nethash", true);

        var plan = scenario.Plan(Still(scenario.State().Item1) with { IsUnknown = true });

        Assert.Equal(["app-db-1"], plan.Steps.OfType<Step.Remove>().Select(s => s.Name));
        Assert.Single(plan.Steps);
        Assert.False(plan.IsStill);
    }

    [Fact]
    public void What_a_release_no_longer_has_is_closed_to_those_outside_too()
    {
        var gone = new Scenario()
            .Service("old")
            .With(s => s with { Routes = [new IngressRoute(IngressProtocol.Http, 8080, null, "/", null)] })
            .State()
            .Item1.Service("old")!;
        var scenario = new Scenario().Service("web").Container("web").Container("old");
        scenario.Traffic = Traffic.None with { IsServing = true };

        var published = scenario.Published(scenario.State().Item1 with { Departing = [gone], IsClosed = true });

        Assert.True(Assert.Single(published).IsClosed);
    }

    private static DesiredService Using(DesiredService service) => service with { Volumes = ["app_rows"] };

    private static ObservedContainer Using(ObservedContainer container) => container with { Volumes = ["app_rows"] };

    private static DesiredState Still(DesiredState desired) =>
        desired with
        {
            Still = Rows,
            Services = [.. desired.Services.Select(s => s with { IsKeptStill = s.Volumes.Any(Rows.Contains) })],
        };
}
