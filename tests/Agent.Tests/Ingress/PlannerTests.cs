using System.Globalization;
using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>
/// Places are written as <c>address state [weight] [in use]</c>, state being ready, drain or maint; <c>-</c> is a place that
/// nobody ever had. What is wanted is written alike.
/// </summary>
public sealed class PlannerTests
{
    [Theory]
    // Nothing to do.
    [InlineData("a ready", "a ready, -", "")]
    [InlineData("", "-, -", "")]
    // It comes in: first its address, its state last.
    [InlineData("a ready", "-, -", "s1 is a:80; s1 is Ready")]
    [InlineData("a ready 30", "-, -", "s1 is a:80; s1 has weight 30; s1 is Ready")]
    [InlineData("a ready 30", "a ready", "s1 has weight 30")]
    // Who is not to be sent anything needs no place.
    [InlineData("a maint", "-", "")]
    [InlineData("a drain", "-", "")]
    // Out, and back in.
    [InlineData("a maint", "a ready", "s1 is Maintenance")]
    [InlineData("a drain", "a ready", "s1 is Draining")]
    [InlineData("a ready", "a drain", "s1 is Ready")]
    [InlineData("a drain", "a maint", "")]
    // An exchange: the new one is in before the old one is out.
    [InlineData("a drain, b ready", "a ready, -", "s2 is b:80; s2 is Ready; s1 is Draining")]
    [InlineData("b ready", "a drain, b ready", "s1 is Maintenance")]
    // A place that nobody had comes before one that somebody left, and that before one still in use.
    [InlineData("b ready", "a maint, -", "s2 is b:80; s2 is Ready")]
    [InlineData("c ready", "a maint 100 2, b maint", "s2 is c:80; s2 is Ready")]
    [InlineData("c ready", "a maint 100 2", "s1 is c:80; s1 is Ready")]
    [InlineData("c ready", "a ready", "s1 is Maintenance; s1 is c:80; s1 is Ready")]
    // Two places with one address, which only a hand can have made.
    [InlineData("a ready", "a ready, a ready", "s2 is Maintenance")]
    // No room.
    [InlineData("a ready, b ready", "a ready", "!")]
    // No address.
    [InlineData(" ready", "-", "")]
    public void Places_become_those_of_the_servers_that_are_wanted(string desired, string slots, string steps)
    {
        var plan = ServerPlanner.Between(
            [.. Words(desired).Select(w => new DesiredServer($"id-{w[0]}", w[0], State(w[1]), Weight(w)))],
            [
                .. Words(slots)
                    .Select(
                        (w, i) =>
                            w[0] == "-"
                                ? new ServerSlot("be", $"s{i + 1}", null, ServerState.Maintenance, 100)
                                : new ServerSlot(
                                    "be",
                                    $"s{i + 1}",
                                    w[0],
                                    State(w[1]),
                                    Weight(w),
                                    w.Length > 3 ? long.Parse(w[3], CultureInfo.InvariantCulture) : 0
                                )
                    ),
            ],
            80
        );

        var said = plan.Steps.Select(s => $"{s}".Replace("be/", "", StringComparison.Ordinal));
        Assert.Equal(steps, string.Join("; ", plan.HasRoom ? said : said.Append("!")));
        // Once done, there is nothing to do.
        var again = ServerPlanner.Between(
            [.. Words(desired).Select(w => new DesiredServer($"id-{w[0]}", w[0], State(w[1]), Weight(w)))],
            plan.After,
            80
        );
        Assert.Empty(again.Steps);
    }

    [Theory]
    [InlineData(1, 1, 10, 100, 11)]
    [InlineData(2, 1, 10, 100, 22)]
    [InlineData(2, 2, 50, 100, 100)]
    [InlineData(10, 1, 50, 26, 256)]
    [InlineData(1, 9, 1, 100, 1)]
    [InlineData(2, 1, null, 100, 100)]
    [InlineData(0, 1, 10, 0, 100)]
    public void Canaries_get_their_share(int others, int canaries, int? share, int usual, int canary)
    {
        var servers = Enumerable
            .Range(0, others)
            .Select(n => Server($"o{n}", ServerRole.Current))
            .Concat(Enumerable.Range(0, canaries).Select(n => Server($"c{n}", ServerRole.Canary)));
        var service = new PublishedService("web", [], null, TimeSpan.Zero, [.. servers]) { CanaryShare = share };

        var desired = DesiredServers.Of(service, _ => false, isInside: false);

        Assert.All(desired.Where(d => d.Address[0] == 'o'), d => Assert.Equal(usual, d.Weight));
        Assert.All(desired.Where(d => d.Address[0] == 'c'), d => Assert.Equal(canary, d.Weight));
    }

    // R: ready; o: overdue; x: neither; a letter that leaves is followed by a minus.
    [Theory]
    [InlineData("R o", "Ready Maintenance")]
    [InlineData("o o", "Ready Ready")]
    [InlineData("o x", "Ready Maintenance")]
    [InlineData("x x", "Maintenance Maintenance")]
    [InlineData("o- o", "Draining Ready")]
    [InlineData("R- o", "Draining Ready")]
    [InlineData("o-", "Draining")]
    public void If_all_are_only_too_slow_none_is_spared(string servers, string states)
    {
        var service = new PublishedService(
            "web",
            [],
            null,
            TimeSpan.Zero,
            [
                .. servers
                    .Split(' ')
                    .Select(
                        (s, i) =>
                            Server($"a{i}", ServerRole.Current) with
                            {
                                IsReady = s[0] == 'R',
                                IsOverdue = s[0] == 'o',
                                Leaving = s.Length > 1 ? "asked for" : null,
                            }
                    ),
            ]
        );

        Assert.Equal(
            states,
            string.Join(' ', DesiredServers.Of(service, _ => false, isInside: false).Select(s => s.State))
        );
        Assert.DoesNotContain(
            DesiredServers.Of(service with { IsClosed = true }, _ => false, isInside: false),
            s => s.State is ServerState.Ready
        );
    }

    [Fact]
    public void A_container_that_was_served_before_is_trusted_until_it_was_ready_once_or_for_half_a_minute()
    {
        var clock = new ManualClock();
        var adopted = new Adopted(clock);
        adopted.Begin([
            new("be", "s1", "a", ServerState.Ready, 100),
            new("be", "s2", "b", ServerState.Maintenance, 100),
        ]);
        var (a, b) = (
            Server("a", ServerRole.Current) with
            {
                IsReady = false,
            },
            Server("b", ServerRole.Current) with
            {
                IsReady = false,
            }
        );

        Look(a, b);
        Assert.Equal((true, false), (adopted.Trusts(a), adopted.Trusts(b)));
        Assert.False(adopted.Trusts(a with { Leaving = "asked for" }));
        Look(a with { IsReady = true }, b);
        Look(a, b);
        Assert.False(adopted.Trusts(a));

        adopted = new Adopted(clock);
        adopted.Begin([new("be", "s1", "c", ServerState.Ready, 100)]);
        var c = Server("c", ServerRole.Current) with { IsReady = false };
        Look(c);
        Assert.Equal(TimeSpan.FromSeconds(30), adopted.Left);
        clock.Advance(TimeSpan.FromSeconds(30));
        Look(c);
        Assert.False(adopted.Trusts(c));
        Assert.Null(adopted.Left);

        void Look(params IReadOnlyList<PublishedServer> servers) =>
            adopted.Look([new PublishedService("web", [], null, TimeSpan.Zero, servers)]);
    }

    private static PublishedServer Server(string address, ServerRole role) =>
        new($"id-{address}", address, address, role, true, null);

    private static IEnumerable<string[]> Words(string list) =>
        list.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(w => w.Split(' '));

    private static ServerState State(string word) =>
        word switch
        {
            "ready" => ServerState.Ready,
            "drain" => ServerState.Draining,
            _ => ServerState.Maintenance,
        };

    private static int Weight(string[] words) =>
        words.Length > 2 ? int.Parse(words[2], CultureInfo.InvariantCulture) : 100;
}
