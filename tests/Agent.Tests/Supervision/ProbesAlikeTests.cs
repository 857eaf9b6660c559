using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Tests.Supervision;

/// <summary>Probes are the same when they ask the same, whoever holds their lists.</summary>
public sealed class ProbesAlikeTests
{
    [Fact]
    public void Probes_that_were_read_twice_are_alike() => Assert.True(ProbesAlike.Are(All(), All()));

    [Fact]
    public void A_probe_that_decides_something_else_is_another_one() =>
        Assert.False(ProbesAlike.Are([Tcp()], [Tcp() with { Role = ProbeRole.Startup }]));

    [Fact]
    public void An_http_probe_that_expects_something_else_is_another_one()
    {
        AreOthers(p => p with { CertificateValidFor = TimeSpan.FromDays(8) });
        AreOthers(p => p with { ExpectedHeaders = new Dictionary<string, string> { ["X-A"] = "c" } });
        AreOthers(p => p with { Headers = new Dictionary<string, string> { ["Host"] = "b" } });
        AreOthers(p => p with { Statuses = [new(200, 299)] });

        static void AreOthers(Func<HttpProbe, HttpProbe> change) =>
            Assert.False(ProbesAlike.Are([Http()], [change(Http())]));
    }

    [Fact]
    public void A_grpc_probe_that_asks_something_else_is_another_one()
    {
        Assert.False(ProbesAlike.Are([Grpc()], [Grpc() with { Service = null }]));
        Assert.False(ProbesAlike.Are([Grpc()], [Grpc() with { Tls = true }]));
    }

    private static Probe[] All() => [Http(), Tcp(), new ExecProbe(["a", "b"], ProbeTiming.Default), Grpc()];

    private static TcpProbe Tcp() => new(80, ProbeTiming.Default);

    private static GrpcProbe Grpc() => new(80, "a.v1.B", Tls: false, ProbeTiming.Default);

    private static HttpProbe Http() =>
        new(
            80,
            "/",
            "https",
            [new(200, 399)],
            null,
            new Dictionary<string, string> { ["Host"] = "a" },
            ProbeTiming.Default
        )
        {
            ExpectedHeaders = new Dictionary<string, string> { ["X-A"] = "b" },
            CertificateValidFor = TimeSpan.FromDays(7),
        };
}
