using System.Net;
using System.Net.WebSockets;
using System.Text;
using Appliance.Bundles.Compose;
using Appliance.Testing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using static Appliance.Agent.Tests.Ingress.RealIngress;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>What a client gets through a real HAProxy, by protocol and route.</summary>
public sealed class RoutingTests
{
    private readonly CancellationToken ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_goes_where_the_most_exact_host_and_the_longest_path_say()
    {
        var port = Upstream.FreePort();
        await using var any = await Upstream.StartAsync("any", port);
        await using var api = await Upstream.StartAsync("api", port);
        await using var deep = await Upstream.StartAsync("deep", port);
        await using var exact = await Upstream.StartAsync("exact", port);
        await using var below = await Upstream.StartAsync("below", port);
        await using var ingress = await StartAsync(
            null,
            Service("any", [Route(port)], any.Server()),
            Service("api", [Route(port, path: "/api")], api.Server()),
            Service("deep", [Route(port, path: "/api/v2/it's")], deep.Server()),
            Service("exact", [Route(port, host: "shop.example.com")], exact.Server()),
            Service("below", [Route(port, host: "*.example.com")], below.Server())
        );

        Assert.Equal("any", await ingress.AskAsync("/"));
        Assert.Equal("any", await ingress.AskAsync("/apis"));
        Assert.Equal("api", await ingress.AskAsync("/api"));
        Assert.Equal("api", await ingress.AskAsync("/api?q=1"));
        Assert.Equal("api", await ingress.AskAsync("/api/v2"));
        Assert.Equal("deep", await ingress.AskAsync("/api/v2/it's/x"));
        Assert.Equal("exact", await ingress.AskAsync("/api", "SHOP.example.com:8080"));
        Assert.Equal("exact", await ingress.AskAsync("/", "shop.example.com."));
        Assert.Equal("below", await ingress.AskAsync("/", "a.b.example.com"));
        Assert.Equal("any", await ingress.AskAsync("/", "example.com"));
    }

    [Fact]
    public async Task What_is_published_nowhere_is_not_found_and_what_nobody_is_ready_for_is_told_to_come_back()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port, path: "/web")], web.Server()));

        Assert.Equal("404", await ingress.AskAsync("/other"));
        ingress.Supervisor.Publish(Service("web", [Route(port, path: "/web")], web.Server(ready: false)));
        await Eventually.TrueAsync("it is taken out", async _ => await ingress.AskAsync("/web") == "503", ct);
        using var client = ingress.Client();
        using var answer = await client.GetAsync("/web", ct);
        Assert.Equal(TimeSpan.FromSeconds(5), answer.Headers.RetryAfter?.Delta);
        Assert.True(answer.Headers.CacheControl?.NoStore);
        Assert.Contains("Back soon", await answer.Content.ReadAsStringAsync(ct), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Before_anything_is_installed_the_page_says_so()
    {
        await using var ingress = await StartAsync();
        await Eventually.TrueAsync(
            "HAProxy serves",
            async _ =>
            {
                try
                {
                    return await ingress.AskAsync("/") == "503";
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            ct
        );
    }

    [Fact]
    public async Task A_container_is_told_who_asks_and_a_client_cannot_say_it_is_another()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], web.Server()));
        using var client = ingress.Client(tls: true);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        foreach (
            var header in new[]
            {
                "X-Forwarded-For",
                "x-forwarded-proto",
                "X-Forwarded-Host",
                "X-Forwarded-Prefix",
                "X_Forwarded_For",
                "X-Real-IP",
                "Forwarded",
                "Proxy",
            }
        )
            request.Headers.TryAddWithoutValidation(header, "forged");

        using var response = await client.SendAsync(request, ct);
        var seen = await response.Content.ReadAsStringAsync(ct);

        Assert.DoesNotContain("forged", seen, StringComparison.Ordinal);
        Assert.Contains("x-forwarded-for: 127.0.0.1\n", seen, StringComparison.Ordinal);
        Assert.Contains("x-forwarded-proto: https\n", seen, StringComparison.Ordinal);
        Assert.Contains($"x-forwarded-host: 127.0.0.1:{ingress.Https}\n", seen, StringComparison.Ordinal);
        Assert.Contains($"host: 127.0.0.1:{ingress.Https}\n", seen, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_TLS_a_client_is_sent_to_where_it_is()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(
            i => i.Set("RedirectHttp", "true"),
            Service("web", [Route(port)], web.Server())
        );
        using var client = ingress.Client();

        using var answer = await client.GetAsync("/a/b?c=d", ct);

        Assert.Equal(HttpStatusCode.TemporaryRedirect, answer.StatusCode);
        Assert.Equal($"https://127.0.0.1:{ingress.Https}/a/b?c=d", answer.Headers.Location?.OriginalString);
        Assert.Equal(0, web.Seen);
    }

    [Fact]
    public async Task HTTP_2_is_spoken_with_clients_and_with_containers_that_do_and_gRPC_passes_with_its_trailers()
    {
        var port = Upstream.FreePort();
        await using var rpc = await Upstream.StartAsync("rpc", port, HttpProtocols.Http2);
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(
            null,
            Service("rpc", [Route(port, IngressProtocol.H2c, path: "/trailers")], rpc.Server()),
            Service("web", [Route(port)], web.Server())
        );
        using var client = ingress.Client(tls: true);
        client.DefaultRequestVersion = HttpVersion.Version20;
        client.DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact;

        using var plain = await client.GetAsync("/", ct);
        Assert.Equal(HttpVersion.Version20, plain.Version);
        Assert.StartsWith("web\n", await plain.Content.ReadAsStringAsync(ct), StringComparison.Ordinal);

        using var call = new HttpRequestMessage(HttpMethod.Post, "/trailers")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new StringContent("a message"),
        };
        call.Headers.TE.ParseAdd("trailers");
        using var answer = await client.SendAsync(call, ct);
        Assert.Equal("a message", await answer.Content.ReadAsStringAsync(ct));
        Assert.Equal("0", Assert.Single(answer.TrailingHeaders.GetValues("grpc-status")));
    }

    [Fact]
    public async Task A_WebSocket_and_TLS_to_the_container_pass()
    {
        var (port, tlsPort) = (Upstream.FreePort(), Upstream.FreePort());
        await using var web = await Upstream.StartAsync("web", port);
        await using var tls = await Upstream.StartAsync("tls", tlsPort, tls: true);
        await using var ingress = await StartAsync(
            null,
            Service("web", [Route(port)], web.Server()),
            Service("tls", [Route(tlsPort, IngressProtocol.Https, path: "/tls")], tls.Server())
        );

        Assert.Equal("tls", await ingress.AskAsync("/tls"));

        using var socket = new ClientWebSocket();
        socket.Options.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        await socket.ConnectAsync(new Uri($"wss://127.0.0.1:{ingress.Https}/"), ct);
        await socket.SendAsync(Encoding.ASCII.GetBytes("ping"), WebSocketMessageType.Text, true, ct);
        var buffer = new byte[16];
        var received = await socket.ReceiveAsync(buffer, ct);
        Assert.Equal("ping", Encoding.ASCII.GetString(buffer, 0, received.Count));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, ct);
    }

    [Fact]
    public async Task TCP_has_a_port_of_its_own_and_other_services_have_an_address_of_the_machine()
    {
        var (port, other, listen) = (Upstream.FreePort(), Upstream.FreePort(), Upstream.FreePort());
        await using var web = await Upstream.StartAsync("web", port);
        await using var raw = await Upstream.StartAsync("raw", other);
        var inside = Upstream.FreeAddress();
        await using var ingress = await StartAsync(
            null,
            Service("web", [Route(port)], web.Server()) with
            {
                Internal = new([inside], [new(port, IngressProtocol.Http)], ["127.0.0.0/8"]),
            },
            Service("raw", [Route(other, IngressProtocol.Tcp, listen: listen)], raw.Server()) with
            {
                Internal = new([inside], [new(other, IngressProtocol.Tcp)], ["127.0.0.0/8"]),
            }
        );

        Assert.Equal("raw", await FirstLineAsync("127.0.0.1", listen));
        Assert.Equal("raw", await FirstLineAsync(inside, other));
        // What a service says of its own clients to another is not touched.
        await using var peer = await RawConnection.OpenAsync(port, address: inside);
        await peer.SendAsync("/", headers: "X-Forwarded-For: 198.51.100.7\r\n");
        var (_, _, text) = await peer.ReadAsync();
        Assert.Contains("web\n", text, StringComparison.Ordinal);
        Assert.Contains("x-forwarded-for: 198.51.100.7\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listener_on_an_address_that_is_not_there_is_left_out_and_the_rest_is_served()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(
            null,
            Service("web", [Route(port)], web.Server()) with
            {
                Internal = new(["192.0.2.77"], [new(port, IngressProtocol.Http)], ["127.0.0.0/8"]),
            }
        );

        Assert.Equal("web", await ingress.AskAsync("/"));
        Assert.Contains("ingress.left-out", ingress.EventKinds);
    }

    private static async Task<string> FirstLineAsync(string address, int port)
    {
        await using var connection = await RawConnection.OpenAsync(port, address: address);
        await connection.SendAsync("/");
        var (_, _, text) = await connection.ReadAsync();
        return text.Split("\r\n\r\n")[1].Split('\n')[0];
    }
}
