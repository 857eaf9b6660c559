using Appliance.Agent.Health;
using Appliance.Bundles.Compose;
using Appliance.Testing;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Appliance.Agent.Tests.Health;

/// <summary>The gRPC Health Checking Protocol, asked of a real server.</summary>
public sealed class GrpcCheckTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ServingStatus.Serving, true, "serving")]
    [InlineData(ServingStatus.NotServing, false, "not serving")]
    [InlineData(ServingStatus.Unknown, false, "the server says nothing of its state")]
    [InlineData(ServingStatus.ServiceUnknown, false, "the server does not know the service")]
    public async Task Only_what_serves_is_healthy(ServingStatus status, bool isHealthy, string output)
    {
        await using var server = await ProbedServer.WithGrpcHealthAsync();
        server.Health.SetStatus("", status);
        Assert.Equal(new ProbeResult(isHealthy, output), await CheckAsync(server.GrpcProbe()));
    }

    [Fact]
    public async Task A_service_is_asked_for_by_its_name_and_one_that_is_not_known_is_said()
    {
        await using var server = await ProbedServer.WithGrpcHealthAsync();
        server.Health.SetStatus("", ServingStatus.NotServing);
        server.Health.SetStatus("shop.v1.Orders", ServingStatus.Serving);
        Assert.True((await CheckAsync(server.GrpcProbe("shop.v1.Orders"))).Healthy);
        Assert.Equal(
            ProbeResult.Failed("the server does not know the service \"shop.v1.Fax\""),
            await CheckAsync(server.GrpcProbe("shop.v1.Fax"))
        );
    }

    [Fact]
    public async Task Over_TLS_any_certificate_will_do()
    {
        using var expired = ProbedServer.CertificateFor(TimeSpan.FromMinutes(-1));
        await using var server = await ProbedServer.WithGrpcHealthAsync(expired);
        server.Health.SetStatus("", ServingStatus.Serving);
        Assert.True((await CheckAsync(server.GrpcProbe(tls: true))).Healthy);
        Assert.False((await CheckAsync(server.GrpcProbe())).Healthy);
    }

    [Fact]
    public async Task A_server_without_the_service_and_one_that_is_not_there_are_told_apart()
    {
        await using var server = await ProbedServer.StartHttp2Async(context =>
        {
            context.Response.StatusCode = 404;
            return Task.CompletedTask;
        });
        Assert.Equal(
            ProbeResult.Failed("the server has no grpc.health.v1.Health"),
            await CheckAsync(server.GrpcProbe())
        );
        var probe = server.GrpcProbe();
        await server.DisposeAsync();
        var gone = await CheckAsync(probe);
        Assert.False(gone.Healthy);
        Assert.StartsWith("Unavailable: ", gone.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_does_not_answer_fails_once_the_deadline_passes()
    {
        var asked = new TaskCompletionSource();
        await using var server = await ProbedServer.StartHttp2Async(async context =>
        {
            asked.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        var clock = new ManualClock();
        var pending = new GrpcCheck(server.GrpcProbe(), ProbedServer.Address, clock).CheckAsync(Ct);
        await asked.Task.WaitAsync(Ct);
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(ProbeResult.Late("no answer within 5 s"), await pending);
    }

    [Fact]
    public async Task The_end_of_the_agent_is_no_answer()
    {
        using var ending = new CancellationTokenSource();
        await using var server = await ProbedServer.StartHttp2Async(async context =>
        {
            await ending.CancelAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        var check = new GrpcCheck(server.GrpcProbe(), ProbedServer.Address, TimeProvider.System);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => check.CheckAsync(ending.Token));
    }

    private static Task<ProbeResult> CheckAsync(GrpcProbe probe) =>
        new GrpcCheck(probe, ProbedServer.Address, TimeProvider.System).CheckAsync(Ct);
}
