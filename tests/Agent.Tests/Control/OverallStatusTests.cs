using Appliance.Agent.Control;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Tests.Control;

public sealed class OverallStatusTests
{
    [Theory]
    [InlineData(ServiceState.Running, 2, 2, Overall.Ok)]
    [InlineData(ServiceState.Running, 2, 1, Overall.Degraded)]
    [InlineData(ServiceState.Completed, 1, 0, Overall.Ok)]
    [InlineData(ServiceState.Stopped, 1, 0, Overall.Ok)]
    [InlineData(ServiceState.Stopping, 1, 1, Overall.Ok)]
    [InlineData(ServiceState.Pending, 1, 0, Overall.Degraded)]
    [InlineData(ServiceState.Waiting, 1, 0, Overall.Degraded)]
    [InlineData(ServiceState.Starting, 1, 0, Overall.Degraded)]
    [InlineData(ServiceState.Unhealthy, 1, 0, Overall.Failed)]
    [InlineData(ServiceState.Unhealthy, 2, 1, Overall.Degraded)]
    [InlineData(ServiceState.BackingOff, 1, 0, Overall.Failed)]
    [InlineData(ServiceState.Failed, 1, 0, Overall.Failed)]
    internal void A_services_state_counts_as(ServiceState state, int replicas, int ready, Overall expected)
    {
        var view = Views.Of(Views.Service("db"), Views.Service("web", state, replicas, ready));
        var status = OverallStatus.Of(view, null);
        Assert.Equal(expected, status.Health);
        Assert.Equal(expected == Overall.Ok ? [] : ["web: It says why."], status.Problems);
    }

    [Theory]
    [InlineData(true, Overall.Degraded)]
    [InlineData(false, Overall.Failed)]
    internal void An_engine_that_is_away_fails_the_application_unless_containers_outlive_it(bool live, Overall expected)
    {
        var engine = Views.Reachable with { Reachable = false, LiveRestore = live, Error = "connection refused" };
        var status = OverallStatus.Of(Views.Of(Views.Service("web")) with { Engine = engine }, null);
        Assert.Equal(expected, status.Health);
        Assert.Equal(
            ["The engine at unix:///e is not reachable since 0001-01-01 00:00:00 UTC: connection refused"],
            status.Problems
        );
    }

    [Fact]
    public void The_worst_finding_decides_and_all_are_told()
    {
        var view = Views.Of(
            Views.Service("a", ServiceState.Starting, 1, 0),
            Views.Service("b", ServiceState.Failed, 1, 0)
        );
        var status = OverallStatus.Of(view with { ReleaseProblem = "No release is installed." }, "the disk is full");
        Assert.Equal(Overall.Failed, status.Health);
        Assert.Equal(
            [
                "No release is installed.",
                "The agent's state is kept in memory only: the disk is full",
                "a: It says why.",
                "b: It says why.",
            ],
            status.Problems
        );
    }
}
