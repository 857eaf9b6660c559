using Appliance.Agent.Drills;
using Appliance.Agent.Tests.Ingress;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Drills;

/// <summary>Requests that are answered, and that are lost, are counted as a client sees them.</summary>
public sealed class AskingTests
{
    private static readonly DrillsOptions Options = new() { Rate = 100, RequestTimeout = TimeSpan.FromSeconds(1) };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_are_lost_from_when_nobody_answers_and_are_counted_with_the_gap()
    {
        var upstream = await Upstream.StartAsync("web", Upstream.FreePort());
        var door = new Door(new Uri($"http://{upstream.Address}:{upstream.Port}/"), null);
        await using var asking = new Asking(door, Options, TimeProvider.System);
        await Eventually.TrueAsync("some are answered", () => asking.Tally is { Requests: > 20, Lost: 0 }, Ct);
        Assert.NotNull(asking.Tally.AnsweredSince);
        asking.Begin();
        Assert.InRange(asking.Tally.Requests, 0, 20);

        await upstream.DisposeAsync();
        await Eventually.TrueAsync("some are lost", () => asking.Tally.Lost > 30, Ct);

        var tally = await asking.EndAsync();
        Assert.Null(tally.AnsweredSince);
        // 100 a second, 30 of which were lost in a row.
        Assert.True(tally.Gap > TimeSpan.FromMilliseconds(200), $"{tally.Gap}");
        Assert.InRange(tally.Lost, 31, tally.Requests);
        var after = asking.Tally.Requests;
        Assert.Equal(tally.Requests, after);
    }

    [Fact]
    public async Task A_port_that_takes_connections_is_asked_for_no_more()
    {
        await using var upstream = await Upstream.StartAsync("db", Upstream.FreePort());
        var door = new Door(new Uri($"tcp://{upstream.Address}:{upstream.Port}/"), null);
        await using var asking = new Asking(door, Options, TimeProvider.System);

        await Eventually.TrueAsync("some are taken", () => asking.Tally is { Requests: > 20, Lost: 0 }, Ct);

        Assert.Equal(0, (await asking.EndAsync()).Lost);
    }
}
