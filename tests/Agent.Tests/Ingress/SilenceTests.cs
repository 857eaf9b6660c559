using Appliance.Testing;
using static Appliance.Agent.Tests.Ingress.RealIngress;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>That a HAProxy that is too busy to answer is not taken for one that is not there.</summary>
public sealed class SilenceTests
{
    private readonly CancellationToken ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task While_the_master_is_silent_its_workers_count_as_serving()
    {
        var port = Upstream.FreePort();
        await using var old = await Upstream.StartAsync("old", port);
        await using var next = await Upstream.StartAsync("next", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], old.Server(), next.Server()));
        var under = ingress.AskAsync("/slow");
        await Eventually.TrueAsync("the request is there", () => old.Slow + next.Slow == 1, ct);
        var (busy, other) = old.Slow == 1 ? (old, next) : (next, old);
        var reports = ingress.Supervisor.Reports.Count;

        using (Halt(ingress.Master))
        {
            ingress.Supervisor.Publish(
                Service("web", [Route(port)], busy.Server(leaving: "it has been replaced"), other.Server())
            );
            await Eventually.TrueAsync(
                "it is said",
                () =>
                    ingress.Loop.View.Problem?.StartsWith("HAProxy does not answer", StringComparison.Ordinal) == true,
                ct,
                TimeSpan.FromSeconds(60)
            );
            Assert.All(ingress.Supervisor.Reports.Skip(reports), t => Assert.True(t.IsServing));
            Assert.True(ingress.Supervisor.Traffic.IsServing);
            Assert.DoesNotContain(ingress.EventKinds, k => k == "ingress.lost");
        }

        await Eventually.TrueAsync("all is well again", () => ingress.Loop.View.Problem is null, ct);
        Assert.DoesNotContain($"id-{busy.Name}", ingress.Supervisor.Traffic.Drained);
        busy.Release();
        Assert.Equal(busy.Name, await under);
        await Eventually.TrueAsync(
            "it is drained",
            () => ingress.Supervisor.Traffic.Drained.Contains($"id-{busy.Name}"),
            ct
        );
    }

    [Fact]
    public async Task What_a_worker_from_before_a_reload_had_it_has_while_it_is_silent()
    {
        var port = Upstream.FreePort();
        await using var old = await Upstream.StartAsync("old", port);
        await using var next = await Upstream.StartAsync("next", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], old.Server()));
        var under = ingress.AskAsync("/slow");
        await Eventually.TrueAsync("the request is there", () => old.Slow == 1, ct);
        var worker = await ingress.WorkerAsync();
        var more = Service("web", [Route(port), Route(port, path: "/more")], old.Server(), next.Server());
        await ingress.PublishAsync(more);

        using (Halt(worker))
        {
            var leaving = more with { Servers = [old.Server(leaving: "it has been replaced"), next.Server()] };
            ingress.Supervisor.Publish(leaving with { StopGrace = TimeSpan.FromMinutes(5) });
            await Eventually.TrueAsync(
                "it is taken out",
                () => !ingress.Supervisor.Traffic.Joined.Contains("id-old"),
                ct,
                TimeSpan.FromSeconds(60)
            );
            Assert.DoesNotContain("id-old", ingress.Supervisor.Traffic.Drained);
        }

        old.Release();
        Assert.Equal("old", await under);
        await Eventually.TrueAsync(
            "it is drained",
            () => ingress.Supervisor.Traffic.Drained.Contains("id-old"),
            ct,
            TimeSpan.FromSeconds(60)
        );
    }

    [Fact]
    public async Task A_client_that_has_not_asked_yet_may_ask_a_worker_from_before_a_reload()
    {
        var port = Upstream.FreePort();
        await using var old = await Upstream.StartAsync("old", port);
        await using var next = await Upstream.StartAsync("next", port);
        await using var ingress = await StartAsync(
            i => i.Set("KeepAliveTimeout", "00:00:01"),
            Service("web", [Route(port)], old.Server())
        );
        var worker = await ingress.WorkerAsync();
        await using var silent = await RawConnection.OpenAsync(ingress.Http);
        ingress.Supervisor.Publish(
            Service("web", [Route(port), Route(port, path: "/more")], old.Server(), next.Server())
        );
        await Eventually.TrueAsync("it is reloaded", async _ => await ingress.WorkerAsync() != worker, ct);
        // Whoever has asked is closed after a second: so it is known when the time for that is over.
        for (var i = 0; i < 3; i++)
        {
            await using var idle = await RawConnection.OpenAsync(ingress.Http);
            Assert.Equal((200, false), await idle.AskAsync("/", keeps: true));
            await Assert.ThrowsAsync<IOException>(() => idle.ReadAsync());
        }
        Assert.DoesNotContain("id-next", ingress.Supervisor.Traffic.Joined);

        Assert.Equal((200, true), await silent.AskAsync("/", keeps: true));
        await Eventually.TrueAsync("it has joined", () => ingress.Supervisor.Traffic.Joined.Contains("id-next"), ct);
    }
}
