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

    private static DesiredService Using(DesiredService service) => service with { Volumes = ["app_rows"] };

    private static ObservedContainer Using(ObservedContainer container) => container with { Volumes = ["app_rows"] };

    private static DesiredState Still(DesiredState desired) =>
        desired with
        {
            Still = Rows,
            Services = [.. desired.Services.Select(s => s with { IsKeptStill = s.Volumes.Any(Rows.Contains) })],
        };
}
