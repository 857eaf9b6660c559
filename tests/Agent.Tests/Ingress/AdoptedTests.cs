using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>Whom a new agent lets HAProxy send requests to before it has proven anybody.</summary>
public sealed class AdoptedTests
{
    private const string Address = "172.20.0.2";

    private readonly ManualClock clock = new();
    private readonly Adopted adopted;

    public AdoptedTests()
    {
        adopted = new(clock);
        adopted.Begin([new ServerSlot("web", "s1", Address, ServerState.Ready, ServerSlot.UsualWeight)]);
    }

    [Fact]
    public void Who_ran_before_is_trusted_for_a_while_and_until_it_was_ready_once()
    {
        adopted.Look(Running(One("old")));
        Assert.True(adopted.Trusts(One("old")));

        clock.Advance(TimeSpan.FromSeconds(20));
        adopted.Look(Running(One("old")));
        Assert.Equal(TimeSpan.FromSeconds(10), adopted.Left);
        clock.Advance(TimeSpan.FromSeconds(10));
        adopted.Look(Running(One("old")));
        Assert.False(adopted.Trusts(One("old")));
    }

    [Fact]
    public void Who_starts_after_a_boot_is_not_taken_for_the_one_that_had_its_address()
    {
        adopted.Look(Running());
        adopted.Look(Running(One("new")));

        Assert.False(adopted.Trusts(One("new")));
        Assert.Null(adopted.Left);
    }

    [Fact]
    public void Who_was_away_is_proven_anew()
    {
        adopted.Look(Running(One("old")));
        adopted.Look(Running());
        adopted.Look(Running(One("old")));

        Assert.False(adopted.Trusts(One("old")));
    }

    [Fact]
    public void Who_started_while_HAProxy_was_away_is_not_taken_for_another_once_it_is_there()
    {
        var late = new Adopted(clock);
        late.Look(Running());
        late.Look(Running(One("new")));
        late.Begin([new ServerSlot("web", "s1", Address, ServerState.Ready, ServerSlot.UsualWeight)]);
        late.Look(Running(One("new")));

        Assert.False(late.Trusts(One("new")));
    }

    private static PublishedServer One(string id) => new(id, "web-1", Address, ServerRole.Current, false, null);

    private static IReadOnlyList<PublishedService> Running(params IReadOnlyList<PublishedServer> servers) =>
        [RealIngress.Service("web", [RealIngress.Route(80)], servers)];
}
