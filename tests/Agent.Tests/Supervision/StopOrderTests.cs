using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Tests.Supervision;

public sealed class StopOrderTests
{
    private static readonly DependencyCondition Started = DependencyCondition.Started;

    [Fact]
    public void What_depends_on_others_stops_before_them_also_over_what_does_not_run()
    {
        var order = Of(
            new Scenario()
                .Service("db")
                .Service("migrate", needs: ("db", DependencyCondition.CompletedSuccessfully))
                .Service("web", needs: ("migrate", DependencyCondition.CompletedSuccessfully))
                .Service("beside")
                .Container("db")
                .Container("web")
                .Container("web", replica: 2)
                .Container("beside")
        );

        Assert.Equal(["web"], Before("db", order));
        Assert.Empty(Before("web", order));
        Assert.Empty(Before("beside", order));
        Assert.Equal(2, GroupOf("web", order).Containers.Count);
    }

    [Fact]
    public void It_may_take_as_long_as_the_longest_way_through_the_dependencies()
    {
        var order = Of(
            new Scenario()
                .Service("db")
                .Service("web", needs: ("db", Started))
                .Service("worker", needs: ("db", Started))
                .Service("beside")
                .Container("db", c => c with { StopGrace = TimeSpan.FromSeconds(60) })
                .Container("web", c => c with { StopGrace = TimeSpan.FromSeconds(1) })
                .Container("worker", c => c with { StopGrace = TimeSpan.FromSeconds(20) })
                .Container("beside", c => c with { StopGrace = TimeSpan.FromSeconds(30) })
        );

        Assert.Equal(TimeSpan.FromSeconds(60 + 15 + 20 + 15), order.Max(g => g.EndsWithin));
    }

    [Fact]
    public void A_grace_period_beyond_what_systemd_gives_the_machine_is_cut_short()
    {
        var order = Of(new Scenario().Service("db").Container("db", c => c with { StopGrace = TimeSpan.MaxValue }));

        var container = Assert.Single(GroupOf("db", order).Containers);
        Assert.Equal(StopGroup.Longest, StopGroup.GraceOf(container));
        Assert.InRange(order.Max(g => g.EndsWithin), StopGroup.Longest, TimeSpan.FromMinutes(30));
    }

    [Fact]
    public void What_is_of_no_service_of_the_release_stops_first()
    {
        var order = Of(
            new Scenario().Service("db").Service("web", needs: ("db", Started)).Container("web").Container("gone")
        );

        Assert.Equal(["gone"], Before("web", order));
    }

    [Fact]
    public void A_cycle_that_two_releases_mixed_may_have_is_cut()
    {
        var order = Of(
            new Scenario()
                .Service("a", needs: ("b", Started))
                .Service("b", needs: ("a", Started))
                .Container("a")
                .Container("b")
        );

        Assert.Equal(["b"], Before("a", order));
        Assert.Empty(Before("b", order));
    }

    private static IReadOnlyList<StopGroup> Of(Scenario scenario)
    {
        var (desired, observed) = scenario.State();
        return StopOrder.Of(desired, observed.Containers);
    }

    private static StopGroup GroupOf(string service, IReadOnlyList<StopGroup> order) =>
        order.Single(g => g.Containers.Any(c => c.Slot?.Service == service));

    /// <summary>The services whose containers have to have stopped before those of this one may.</summary>
    private static IEnumerable<string> Before(string service, IReadOnlyList<StopGroup> order) =>
        AllBefore(GroupOf(service, order)).SelectMany(g => g.Containers).Select(c => c.Slot!.Value.Service).Distinct();

    private static IEnumerable<StopGroup> AllBefore(StopGroup group) =>
        group.After.SelectMany(g => AllBefore(g).Append(g));
}
