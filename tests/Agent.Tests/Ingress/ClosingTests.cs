using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>Nobody from outside gets through while data is changed.</summary>
public sealed class ClosingTests
{
    private static readonly PublishedServer Web = new("id", "web-1", "10.0.0.2", ServerRole.Current, true, null);
    private static readonly PublishedService Open = new(
        "web",
        [new IngressRoute(IngressProtocol.Http, 80, null, "/", null)],
        new InternalListener(["169.254.254.2"], [new ListenerPort(80, IngressProtocol.Http)], ["10.0.0.0/16"]),
        TimeSpan.FromSeconds(10),
        [Web]
    );

    private readonly ManualClock clock = new();
    private readonly PublishedService closed = Open with { IsClosed = true };

    [Fact]
    public void From_outside_it_is_closed_and_for_other_services_it_is_not()
    {
        Assert.Equal(
            [ServerState.Maintenance],
            DesiredServers.Of(closed, _ => true, isInside: false).Select(s => s.State)
        );
        Assert.Equal([ServerState.Ready], DesiredServers.Of(closed, _ => false, isInside: true).Select(s => s.State));
        var shape = ShapeOf(closed);
        Assert.Equal([false, true], shape.Backends.Select(b => b.IsInside).Order());
        Assert.NotEqual(shape.Backends[0].Name, shape.Backends[1].Name);
    }

    [Fact]
    public void It_is_closed_once_nothing_is_under_way()
    {
        var closing = new Closing(clock);
        var shape = ShapeOf(closed);
        var outside = shape.Backends.Single(b => !b.IsInside).Name;

        Assert.False(closing.Look([Open], shape, [Slot(outside, ServerState.Ready, 1)], []).IsClosed);
        Assert.False(closing.Look([closed], shape, [Slot(outside, ServerState.Ready, 0)], []).IsClosed);
        Assert.False(closing.Look([closed], shape, [Slot(outside, ServerState.Maintenance, 1)], []).IsClosed);
        Assert.False(closing.Look([closed], shape, [Slot(outside, ServerState.Maintenance, 0)], []).IsClosed);
        clock.Advance(TimeSpan.FromMilliseconds(100));
        Assert.True(closing.Look([closed], shape, [Slot(outside, ServerState.Maintenance, 0)], []).IsClosed);
        Assert.False(closing.Look([Open], shape, [Slot(outside, ServerState.Ready, 0)], []).IsClosed);
    }

    [Fact]
    public void What_goes_on_for_too_long_is_cut_off()
    {
        var closing = new Closing(clock);
        var shape = ShapeOf(closed);
        var busy = Slot(shape.Backends.Single(b => !b.IsInside).Name, ServerState.Maintenance, 1);
        var inside = Slot(shape.Backends.Single(b => b.IsInside).Name, ServerState.Ready, 1);

        Assert.Empty(closing.Look([closed], shape, [busy, inside], []).Late);
        clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal([busy], closing.Look([closed], shape, [busy, inside], []).Late);
    }

    private static ServerSlot Slot(string backend, ServerState state, long inUse) =>
        new(backend, "s1", Web.Address, state, ServerSlot.UsualWeight, inUse);

    private static IngressShape ShapeOf(PublishedService service) =>
        IngressShape.Of([service], new IngressOptions(), _ => (0, 0));
}
