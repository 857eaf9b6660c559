using Appliance.Agent.Ingress;
using Appliance.Testing;
using static Appliance.Agent.Tests.Ingress.RealIngress;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>That no request is lost to a change, whoever is changed.</summary>
public sealed class ChangesTests
{
    private readonly CancellationToken ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Servers_are_exchanged_under_load_without_a_reload_and_without_a_failure()
    {
        var port = Upstream.FreePort();
        var servers = new List<Upstream> { await Upstream.StartAsync("v0", port) };
        await using var ingress = await StartAsync(null, Web(port, servers[0].Server()));
        var worker = await ingress.WorkerAsync();
        await using var load = Load.On(ingress.Http);

        for (var version = 1; version <= 6; version++)
        {
            await load.ReachAsync(50, ct);
            var (old, next) = (servers[^1], await Upstream.StartAsync($"v{version}", port));
            servers.Add(next);
            await ingress.PublishAsync(Web(port, old.Server(), next.Server()));
            ingress.Supervisor.Publish(Web(port, old.Server(leaving: "it has been replaced"), next.Server()));
            await DrainedAsync(ingress, old);
            await old.DisposeAsync();
            ingress.Supervisor.Publish(Web(port, next.Server()));
        }
        await load.ReachAsync(50, ct);

        Assert.Empty(await load.EndAsync());
        Assert.Equal(worker, await ingress.WorkerAsync());
        Assert.Equal("v6", await ingress.AskAsync("/"));
        var totals = await ingress.Counters.ReadAsync(ct);
        Assert.True(totals.IsFresh);
        Assert.Equal((load.Answered + 1, 0), (totals.Service("web").Requests, totals.Service("web").Failed));
        Assert.Equal(load.Answered + 1, totals.Servers.Sum(s => s.Requests));
        // What HAProxy would start with is what it does now.
        Assert.Contains(servers[^1].Address, File.ReadAllText(ingress.Configuration), StringComparison.Ordinal);
        await servers[^1].DisposeAsync();
    }

    [Fact]
    public async Task One_that_leaves_is_drained_once_its_last_request_has_ended_and_gets_no_other()
    {
        var port = Upstream.FreePort();
        await using var old = await Upstream.StartAsync("old", port);
        await using var next = await Upstream.StartAsync("next", port);
        await using var ingress = await StartAsync(null, Web(port, old.Server()));
        var under = ingress.AskAsync("/slow");
        await Eventually.TrueAsync("the request is there", () => old.Slow == 1, ct);

        await ingress.PublishAsync(Web(port, old.Server(), next.Server()));
        ingress.Supervisor.Publish(Web(port, old.Server(leaving: "it has been replaced"), next.Server()));
        await TakenOutAsync(ingress, old);
        for (var i = 0; i < 20; i++)
            Assert.Equal("next", await ingress.AskAsync("/"));
        Assert.DoesNotContain("id-old", ingress.Supervisor.Traffic.Drained);
        old.Release();

        Assert.Equal("old", await under);
        await DrainedAsync(ingress, old);
        Assert.Contains("id-next", ingress.Supervisor.Traffic.Joined);
    }

    [Fact]
    public async Task One_whose_request_takes_longer_than_its_grace_counts_as_drained_and_is_left_to_its_stop()
    {
        var port = Upstream.FreePort();
        await using var old = await Upstream.StartAsync("old", port);
        await using var next = await Upstream.StartAsync("next", port);
        var web = Web(port, old.Server(), next.Server()) with { StopGrace = TimeSpan.FromSeconds(1) };
        await using var ingress = await StartAsync(null, web with { Servers = [old.Server()] });
        var under = ingress.AskAsync("/slow");
        await Eventually.TrueAsync("the request is there", () => old.Slow == 1, ct);
        await ingress.PublishAsync(web);

        ingress.Supervisor.Publish(web with { Servers = [old.Server(leaving: "asked for"), next.Server()] });

        await DrainedAsync(ingress, old);
        old.Release();
        Assert.Equal("old", await under);
        Assert.Contains("ingress.cut-off", ingress.EventKinds);
    }

    [Fact]
    public async Task A_refused_connection_goes_to_another_container()
    {
        var port = Upstream.FreePort();
        await using var well = await Upstream.StartAsync("well", port);
        var dead = await Upstream.StartAsync("dead", port);
        await using var ingress = await StartAsync(null, Web(port, well.Server(), dead.Server()));
        await dead.DisposeAsync();

        for (var i = 0; i < 10; i++)
            Assert.Equal("well", await ingress.AskAsync("/"));
    }

    [Fact]
    public async Task A_reload_under_load_loses_nothing_and_a_long_request_spans_it()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Web(port, web.Server()));
        var worker = await ingress.WorkerAsync();
        var under = ingress.AskAsync("/slow");
        await Eventually.TrueAsync("the request is there", () => web.Slow == 1, ct);
        await using var load = Load.On(ingress.Http);
        await using var secure = Load.On(ingress.Https, tls: true, clients: 2);

        for (var i = 0; i < 3; i++)
        {
            await load.ReachAsync(50, ct);
            var before = await ingress.WorkerAsync();
            await ingress.PublishAsync(Service("web", [Route(port), Route(port, path: $"/more-{i}")], web.Server()));
            await Eventually.TrueAsync("it is reloaded", async _ => await ingress.WorkerAsync() != before, ct);
        }
        await load.ReachAsync(50, ct);

        Assert.Empty(await load.EndAsync());
        Assert.Empty(await secure.EndAsync());
        web.Release();
        Assert.Equal("web", await under);
        Assert.NotEqual(worker, await ingress.WorkerAsync());
        // Whichever worker has counted it.
        await Eventually.TrueAsync(
            "all is counted",
            async token =>
                (await ingress.Counters.ReadAsync(token)).Service("web")
                == new ServiceTotals("web", load.Answered + secure.Answered + 1, 0),
            ct
        );
        await Eventually.TrueAsync(
            "nobody is kept",
            async token => (await ingress.Api.WorkersAsync(token)).Old.Count == 0,
            ct
        );
    }

    [Fact]
    public async Task A_request_that_a_worker_from_before_a_reload_has_is_waited_for()
    {
        var port = Upstream.FreePort();
        await using var old = await Upstream.StartAsync("old", port);
        await using var next = await Upstream.StartAsync("next", port);
        await using var ingress = await StartAsync(null, Web(port, old.Server()));
        var under = ingress.AskAsync("/slow");
        await Eventually.TrueAsync("the request is there", () => old.Slow == 1, ct);

        var more = Service("web", [Route(port), Route(port, path: "/more")], old.Server(), next.Server());
        await ingress.PublishAsync(more);
        ingress.Supervisor.Publish(
            more with
            {
                Servers = [old.Server(leaving: "it has been replaced"), next.Server()],
            }
        );
        await TakenOutAsync(ingress, old);
        Assert.DoesNotContain("id-old", ingress.Supervisor.Traffic.Drained);
        old.Release();

        Assert.Equal("old", await under);
        await DrainedAsync(ingress, old);
    }

    [Fact]
    public async Task One_that_a_worker_from_before_a_reload_does_not_know_joins_once_nobody_can_ask_that_worker()
    {
        var port = Upstream.FreePort();
        await using var old = await Upstream.StartAsync("old", port);
        await using var next = await Upstream.StartAsync("next", port);
        await using var ingress = await StartAsync(null, Web(port, old.Server()));
        await using var idle = await RawConnection.OpenAsync(ingress.Http);
        Assert.Equal((200, false), await idle.AskAsync("/", keeps: true));
        var worker = await ingress.WorkerAsync();

        ingress.Supervisor.Publish(
            Service("web", [Route(port), Route(port, path: "/more")], old.Server(), next.Server())
        );
        await Eventually.TrueAsync("it is reloaded", async _ => await ingress.WorkerAsync() != worker, ct);
        await Eventually.TrueAsync(
            "the old one is told",
            () => ingress.Supervisor.Traffic.Joined.Contains("id-old"),
            ct
        );
        Assert.DoesNotContain("id-next", ingress.Supervisor.Traffic.Joined);

        // Its last request is answered, and it is told to come back on another connection.
        Assert.Equal((200, true), await idle.AskAsync("/", keeps: true));
        await Eventually.TrueAsync("it has joined", () => ingress.Supervisor.Traffic.Joined.Contains("id-next"), ct);
    }

    [Fact]
    public async Task A_route_goes_to_another_service_under_load_and_the_one_before_is_asked_until_nobody_can_any_more()
    {
        var port = Upstream.FreePort();
        await using var old = await Upstream.StartAsync("old", port);
        await using var next = await Upstream.StartAsync("next", port);
        await using var ingress = await StartAsync(null, Web(port, old.Server()), Service("site", [], next.Server()));
        await using var load = Load.On(ingress.Http);
        await using var idle = await RawConnection.OpenAsync(ingress.Http);
        Assert.Equal((200, false), await idle.AskAsync("/", keeps: true));
        await load.ReachAsync(50, ct);
        Assert.Equal(["id-old"], ingress.Supervisor.Traffic.Asked!);
        var worker = await ingress.WorkerAsync();

        var site = Service("site", [Route(port)], next.Server());
        ingress.Supervisor.Publish(site, Service("web", [], old.Server()));
        await Eventually.TrueAsync("it is reloaded", async _ => await ingress.WorkerAsync() != worker, ct);
        await Eventually.TrueAsync("next is asked", () => ingress.Supervisor.Traffic.Asked!.Contains("id-next"), ct);
        await load.ReachAsync(50, ct);
        Assert.Contains("id-old", ingress.Supervisor.Traffic.Asked!);
        Assert.Equal((200, true), await idle.AskAsync("/", keeps: true));
        await Eventually.TrueAsync("old is not", () => !ingress.Supervisor.Traffic.Asked!.Contains("id-old"), ct);

        ingress.Supervisor.Publish(site, Service("web", [], old.Server(leaving: "the release no longer has it")));
        await DrainedAsync(ingress, old);
        await load.ReachAsync(50, ct);
        Assert.Empty(await load.EndAsync());
        Assert.Equal("next", await ingress.AskAsync("/"));
        Assert.DoesNotContain("ingress.left-out", ingress.EventKinds);
    }

    [Fact]
    public async Task An_agent_that_starts_again_takes_over_what_is_served_without_a_reload_and_without_a_failure()
    {
        var port = Upstream.FreePort();
        await using var a = await Upstream.StartAsync("a", port);
        await using var b = await Upstream.StartAsync("b", port);
        await using var ingress = await StartAsync(null, Web(port, a.Server(), b.Server()));
        var worker = await ingress.WorkerAsync();
        await using var load = Load.On(ingress.Http);
        await load.ReachAsync(20, ct);

        await ingress.EndAgentAsync();
        // Nothing is known at first, and then nobody is proven.
        ingress.Supervisor.Publish(Web(port, a.Server(ready: false), b.Server(ready: false)));
        await ingress.StartAgentAsync();
        await Eventually.TrueAsync("both are known", () => ingress.Supervisor.Traffic.Joined.Count == 2, ct);
        await load.ReachAsync(20, ct);
        ingress.Supervisor.Publish(Web(port, a.Server(), b.Server(ready: false)));
        await load.ReachAsync(20, ct);
        // Once proven, it is taken at its word.
        ingress.Supervisor.Publish(Web(port, a.Server(ready: false), b.Server()));
        await Eventually.TrueAsync("a is taken out", () => !ingress.Supervisor.Traffic.Joined.Contains("id-a"), ct);
        await load.ReachAsync(20, ct);

        Assert.Empty(await load.EndAsync());
        Assert.Equal(worker, await ingress.WorkerAsync());
    }

    [Fact]
    public async Task A_HAProxy_that_was_killed_is_said_to_be_gone_and_starts_with_what_there_was()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var next = await Upstream.StartAsync("next", port);
        await using var ingress = await StartAsync(null, Web(port, web.Server()));
        Assert.Equal("web", await ingress.AskAsync("/"));
        var before = (await ingress.Counters.ReadAsync(ct)).Service("web").Requests;

        await ingress.KillHaproxyAsync();
        await Eventually.TrueAsync("it is said", () => !ingress.Supervisor.Traffic.IsServing, ct);
        await Eventually.TrueAsync("it is told", () => ingress.EventKinds.Contains("ingress.lost"), ct);
        // What changes meanwhile is what it starts with.
        ingress.Supervisor.Publish(Web(port, next.Server()));
        await Eventually.TrueAsync(
            "the file has it",
            () => File.ReadAllText(ingress.Configuration).Contains(next.Address, StringComparison.Ordinal),
            ct
        );
        ingress.StartHaproxy();
        await Eventually.TrueAsync("it serves", () => ingress.Supervisor.Traffic.IsServing, ct);

        Assert.Equal("next", await ingress.AskAsync("/"));
        Assert.Contains("ingress.back", ingress.EventKinds);
        var after = await ingress.Counters.ReadAsync(ct);
        Assert.True(after.IsFresh);
        Assert.True(after.Service("web").Requests > before);
        Assert.Equal(1, ingress.EventKinds.Count(k => k == "ingress.reloaded"));
    }

    [Fact]
    public async Task What_HAProxy_finds_wrong_is_told_in_its_words_and_what_was_before_goes_on_being_served()
    {
        var (port, listen) = (Upstream.FreePort(), Upstream.FreePort());
        await using var web = await Upstream.StartAsync("web", port);
        await using var next = await Upstream.StartAsync("next", port);
        await using var ingress = await StartAsync(null, Web(port, web.Server()));
        var worker = await ingress.WorkerAsync();
        await ingress.EndAgentAsync();
        var good = File.ReadAllText(ingress.Configuration);
        ingress.Set("User", "nobody-of-this-name");
        await ingress.StartAgentAsync();

        await Eventually.TrueAsync("it is refused", () => ingress.Loop.View.Problem is not null, ct);
        Assert.Contains("ingress.refused", ingress.EventKinds);
        Assert.Contains("nobody-of-this-name", ingress.Loop.View.Problem, StringComparison.Ordinal);
        Assert.Equal(good, File.ReadAllText(ingress.Configuration));
        // Servers are exchanged all the same.
        await ingress.PublishAsync(Web(port, next.Server()));
        Assert.Equal("next", await ingress.AskAsync("/"));
        Assert.Equal(worker, await ingress.WorkerAsync());

        // What its check cannot see: a port that somebody else has.
        await ingress.EndAgentAsync();
        ingress.Set("User", "haproxy");
        await ingress.StartAgentAsync();
        using var taken = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, listen);
        taken.Start();
        ingress.Supervisor.Publish(
            Web(port, next.Server()),
            Service("raw", [Route(port, Bundles.Compose.IngressProtocol.Tcp, listen: listen)], web.Server())
        );
        await Eventually.TrueAsync(
            "it is refused too",
            () => ingress.EventKinds.Count(k => k == "ingress.refused") == 2,
            ct,
            TimeSpan.FromSeconds(60)
        );
        Assert.Equal("next", await ingress.AskAsync("/"));
        Assert.DoesNotContain($":{listen}", File.ReadAllText(ingress.Configuration), StringComparison.Ordinal);
    }

    private Task TakenOutAsync(RealIngress ingress, Upstream which) =>
        Eventually.TrueAsync(
            $"{which.Name} is taken out",
            async _ =>
                (await ingress.Api.StatAsync(await ingress.WorkerAsync(), ct)).All(r =>
                    !r.IsServer || r.Address != which.Address || r.State is not ServerState.Ready
                ),
            ct
        );

    private static Task DrainedAsync(RealIngress ingress, Upstream which) =>
        Eventually.TrueAsync(
            $"{which.Name} is drained",
            () => ingress.Supervisor.Traffic.Drained.Contains($"id-{which.Name}"),
            TestContext.Current.CancellationToken
        );

    private static Agent.Supervision.PublishedService Web(
        int port,
        params IReadOnlyList<Agent.Supervision.PublishedServer> servers
    ) => Service("web", [Route(port)], servers);
}
