using System.Net;
using System.Net.Sockets;
using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Testing;
using static Appliance.Agent.Tests.Ingress.RealIngress;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>That a port which somebody else has costs what is reached by it, and nothing else.</summary>
public sealed class TakenPortTests
{
    private readonly CancellationToken ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_HAProxy_starts_with_is_what_it_could_start_with_whoever_was_killed_when()
    {
        var (port, listen) = (Upstream.FreePort(), Upstream.FreePort());
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], web.Server()));
        var worker = await ingress.WorkerAsync();
        // What runs is on the disk, and known to.
        await Eventually.TrueAsync("it is kept", () => File.Exists(ingress.Configuration + ".proven"), ct);
        var good = HaproxyText.HashIn(File.ReadAllText(ingress.Configuration));
        using var taken = new TcpListener(IPAddress.Loopback, listen);
        taken.Start();

        // As an agent leaves it that is killed before it has seen what HAProxy made of it.
        await ingress.EndAgentAsync();
        Spoil(ingress, listen);
        ingress.Supervisor.Publish(
            Service("web", [Route(port)], web.Server()),
            Service("raw", [Route(port, IngressProtocol.Tcp, listen: listen)], web.Server())
        );
        await ingress.StartAgentAsync();
        await Eventually.TrueAsync(
            "it is refused",
            () => ingress.EventKinds.Contains("ingress.refused"),
            ct,
            TimeSpan.FromSeconds(90)
        );
        Assert.Equal(good, HaproxyText.HashIn(File.ReadAllText(ingress.Configuration)));
        Assert.Equal(worker, await ingress.WorkerAsync());

        // With HAProxy away there is nobody to prove it: the port is left out.
        await ingress.KillHaproxyAsync();
        await ingress.EndAgentAsync();
        Spoil(ingress, listen);
        await ingress.StartAgentAsync();
        await Eventually.TrueAsync(
            "it is written",
            () => !File.ReadAllText(ingress.Configuration).Contains($":{listen}", StringComparison.Ordinal),
            ct,
            TimeSpan.FromSeconds(60)
        );
        ingress.StartHaproxy();
        await Eventually.TrueAsync("it serves", () => ingress.Loop.View.IsServing, ct, TimeSpan.FromSeconds(60));
        Assert.Equal("web", await ingress.AskAsync("/"));
    }

    [Fact]
    public async Task Where_somebody_else_listens_in_place_of_a_service_is_told_to_supervision()
    {
        const string address = "127.0.0.9";
        var (port, other) = (Upstream.FreePort(), Upstream.FreePort());
        using var taken = new TcpListener(IPAddress.Parse(address), other);
        taken.Start();
        await using var web = await Upstream.StartAsync("web", port);
        var service = Service("web", [Route(port)], web.Server());
        var inside = new InternalListener(
            [address],
            [new(port, IngressProtocol.Http), new(other, IngressProtocol.Tcp)],
            ["127.0.0.0/8"]
        );

        await using var ingress = await StartAsync(null, service with { Internal = inside });

        Assert.Equal([address], ingress.Supervisor.Traffic.KeptFrom);
        Assert.Contains("ingress.left-out", ingress.EventKinds);
        taken.Stop();
        ingress.Supervisor.Publish(service with { Internal = inside });
        await Eventually.TrueAsync("it listens", () => ingress.Supervisor.Traffic.KeptFrom.Count == 0, ct);
    }

    private static void Spoil(RealIngress ingress, int listen)
    {
        var text = File.ReadAllText(ingress.Configuration);
        var spoilt = text.Replace(HaproxyText.HashIn(text)!, new string('0', 32), StringComparison.Ordinal);
        File.WriteAllText(
            ingress.Configuration,
            $"{spoilt}\nfrontend spoilt from of-tcp\n    bind 127.0.0.1:{listen}\n    default_backend nothing-tcp\n"
                + "backend nothing-tcp from of-tcp\n"
        );
    }
}
