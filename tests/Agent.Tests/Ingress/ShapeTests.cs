using System.Diagnostics;
using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Testing;
using static Appliance.Agent.Tests.Ingress.RealIngress;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>What is made of what is published, and that HAProxy takes it.</summary>
public sealed class ShapeTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Routes_are_in_the_order_in_which_they_count()
    {
        var shape = Of(
            Service("a", [Route(1), Route(1, path: "/long/er"), Route(1, path: "/x")]),
            Service("b", [Route(1, host: "*.example.com", path: "/y"), Route(1, host: "*.a.example.com")]),
            Service("c", [Route(1, host: "z.example.com"), Route(1, host: "z.example.com", path: "/p")])
        );

        Assert.Equal(
            ["z.example.com/p", "z.example.com/", "*.a.example.com/", "*.example.com/y", "/long/er", "/x", "/"],
            shape.Routes.Select(r => r.Host + r.Path)
        );
    }

    [Theory]
    [InlineData("evil.com\n    use_backend x", "/")]
    [InlineData("a b", "/")]
    [InlineData("*", "/")]
    [InlineData("*.*.com", "/")]
    [InlineData("", "/")]
    [InlineData("x.com # y", "/")]
    [InlineData("x.com", "/a b")]
    [InlineData("x.com", "/a\nbackend evil")]
    [InlineData("x.com", "a")]
    [InlineData("x.com", "/a/")]
    [InlineData("x.com", "/\"quoted\"")]
    [InlineData("x.com", "/back\\slash")]
    [InlineData("x.com", "/#")]
    [InlineData("x.com", "/ümlaut")]
    public void A_route_that_is_none_is_left_out_and_the_rest_stays(string host, string path)
    {
        var shape = Of(Service("web", [Route(8080, host: host, path: path), Route(8080, host: "good.example.com")]));
        Assert.Equal("good.example.com", Assert.Single(shape.Routes).Host);
        Assert.Single(shape.LeftOut);
    }

    [Fact]
    public void What_is_given_twice_counts_once_and_a_port_of_the_appliance_is_nobodys()
    {
        var shape = Of(
            Service(
                "a",
                [Route(1), Route(1, IngressProtocol.Tcp, listen: 5000), Route(1, IngressProtocol.Tcp, listen: 443)]
            ),
            Service("b", [Route(2), Route(2, IngressProtocol.Tcp, listen: 5000), Route(2, IngressProtocol.Tcp)])
        );
        Assert.Equal("a", Backend(shape, Assert.Single(shape.Routes).Backend).Service);
        Assert.Equal(5000, Assert.Single(shape.Listeners).Port);
        Assert.Equal(4, shape.LeftOut.Count);
    }

    [Fact]
    public void Among_services_a_port_is_passed_on_as_it_is_unless_it_is_known_to_be_of_plain_HTTP()
    {
        var shape = Of(
            Service(
                "web",
                [Route(80), Route(443, IngressProtocol.Https, path: "/s"), Route(90, IngressProtocol.H2c, path: "/r")]
            ) with
            {
                Internal = new(
                    ["127.0.0.9"],
                    [
                        new(80, IngressProtocol.Http),
                        new(443, IngressProtocol.Https),
                        new(90, IngressProtocol.H2c),
                        new(5432, IngressProtocol.Tcp),
                    ],
                    ["127.0.0.0/8"]
                ),
            }
        );
        Assert.Equal(
            [(80, true), (90, true), (443, false), (5432, false)],
            shape.Listeners.Select(l => (l.Port, l.IsHttp)).Order()
        );
    }

    [Theory]
    [InlineData(1, 0, 0, 8)]
    [InlineData(2, 0, 0, 8)]
    [InlineData(3, 0, 0, 16)]
    [InlineData(8, 8, 0, 8)]
    [InlineData(9, 8, 0, 32)]
    [InlineData(7, 8, 2, 32)]
    [InlineData(1, 32, 0, 32)]
    public void There_is_room_for_more_servers_than_an_exchange_needs(int servers, int has, int others, int expected)
    {
        var service = Service(
            "web",
            [Route(80)],
            [.. Enumerable.Range(1, servers).Select(n => Server($"172.18.0.{n}"))]
        );
        var shape = IngressShape.Of([service], new IngressOptions(), _ => (has, others));
        Assert.Equal(expected, Assert.Single(shape.Backends).Slots);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HAProxy_takes_all_of_it_with_any_name_and_any_option(bool everywhere)
    {
        var shape = Of(
            Service(
                "naïve \n service\"'#\\",
                [Route(8080), Route(8080, host: "*.a-b_c.example.com", path: "/it's(1)$;*")]
            ),
            Service("rpc", [Route(9000, IngressProtocol.H2c, path: "/x.v1.Y")]),
            Service("tls", [Route(8443, IngressProtocol.Https, path: "/%41~@:!&+,=")]) with
            {
                Internal = new(
                    ["::1", "127.0.0.9"],
                    [new(8443, IngressProtocol.Tcp), new(5, IngressProtocol.Http)],
                    ["10.0.0.0/8", "fd00::/8"]
                ),
            },
            Service("raw", [Route(5432, IngressProtocol.Tcp, listen: 5432)])
        );
        Assert.Empty(shape.LeftOut);
        var options = new IngressOptions { RunDirectory = folder["a run \"folder\" # of $HOME"] };
        if (everywhere)
            options = new IngressOptions
            {
                RunDirectory = folder.Path,
                RedirectHttp = false,
                BindAddress = "::1",
                HttpsPort = 8443,
                CloseSpreadTime = TimeSpan.FromSeconds(5),
                User = "",
            };
        var certificate = folder["it's a certificate.pem"];
        File.WriteAllText(certificate, CertificatePem.SelfSigned("x", TimeProvider.System.GetUtcNow()).Text);
        var page = folder["503"];
        File.WriteAllText(page, "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
        var text = new HaproxyText(options, certificate, page, hasIpv6: everywhere);
        var slots = shape
            .Backends.SelectMany(ServerSlot.EmptyOf)
            .Select(
                (s, i) =>
                    i % 3 == 0 ? s with { Address = $"172.18.0.{i + 1}", State = ServerState.Ready }
                    : i % 3 == 1 ? s with { Address = $"fd00::{i + 1:x}" }
                    : s
            );

        Assert.Equal("", Check(text.Of(shape, slots)));
        Assert.Equal("", Check(text.Of(Of(), [])));
    }

    [Fact]
    public void The_hash_is_of_all_that_takes_a_reload_and_of_nothing_else()
    {
        var one = Service("web", [Route(80)], Server("172.18.0.2"));
        var options = new IngressOptions();
        var hash = HashOf(options, one);
        Assert.Equal(hash, HashOf(options, one with { Servers = [Server("172.18.0.3"), Server("172.18.0.4")] }));
        Assert.Equal(hash, HashOf(options, one with { StopGrace = TimeSpan.Zero }));
        Assert.NotEqual(hash, HashOf(options, one with { Routes = [Route(81)] }));
        Assert.NotEqual(hash, HashOf(options, one with { Name = "other" }));
        Assert.NotEqual(hash, HashOf(new() { ClientTimeout = TimeSpan.FromSeconds(7) }, one));
    }

    private static string HashOf(IngressOptions options, PublishedService service) =>
        new HaproxyText(options, "/c", "/m", hasIpv6: true).HashOf(Of(service));

    private string Check(string text)
    {
        var file = folder["haproxy.cfg"];
        File.WriteAllText(file, text);
        using var process = Process.Start(
            new ProcessStartInfo(RealIngress.Program, new[] { "-c", "-f", file })
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            }
        )!;
        var words = process.StandardError.ReadToEnd();
        process.WaitForExit();
        // Warnings count: an operator would see them at each start.
        return string.Join(
            '\n',
            words
                .Split('\n')
                .Where(l =>
                    l.StartsWith("[ALERT]", StringComparison.Ordinal)
                    || l.StartsWith("[WARNING]", StringComparison.Ordinal)
                )
        );
    }

    private static IngressShape Of(params IReadOnlyList<PublishedService> services) =>
        IngressShape.Of(services, new IngressOptions(), _ => (0, 0));

    private static Backend Backend(IngressShape shape, string name) => shape.Backends.Single(b => b.Name == name);

    private static PublishedServer Server(string address) =>
        new($"id-{address}", "c", address, ServerRole.Current, true, null);
}
