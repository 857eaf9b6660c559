using Appliance.Testing;
using Appliance.V1;
using Grpc.Health.V1;

namespace Appliance.Agent.Tests.Running;

/// <summary>The engine goes away and comes back, each time an engine of the test's own.</summary>
public sealed class EngineLossTests
{
    private const string One = """
        services:
          web:
            image: appliance-test/busybox:1
            stop_signal: SIGKILL
        """;

    private const int SigStop = 19;
    private const int SigCont = 18;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_live_restore_an_engine_that_dies_restarts_nothing()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var agent = await RealAgent.StartAsync(engine, One);
        await agent.BecomesAsync("web", ServiceState.Running);
        var before = await agent.ContainerAsync("web");

        await engine.KillAsync(Ct);
        await agent.EventAsync("engine.lost");
        var lost = await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: Ct);
        Assert.False(lost.Engine.Reachable);
        Assert.Contains(lost.Problems, p => p.Contains("engine", StringComparison.OrdinalIgnoreCase));
        await HealthBecomesAsync(agent, HealthCheckResponse.Types.ServingStatus.NotServing);
        var last = await agent.LastEventAsync();

        await engine.RestartAsync(Ct);
        await agent.EventAsync("engine.found", last);
        await agent.BecomesAsync("web", ServiceState.Running);
        await HealthBecomesAsync(agent, HealthCheckResponse.Types.ServingStatus.Serving);
        var after = await agent.ContainerAsync("web");
        Assert.Equal((before.Id, before.State.StartedAt), (after.Id, after.State.StartedAt));
    }

    [Fact]
    public async Task Without_live_restore_what_the_engine_took_with_it_is_started_again()
    {
        await using var engine = await PrivateEngine.StartAsync(liveRestore: false, Ct);
        await using var agent = await RealAgent.StartAsync(engine, One);
        await agent.BecomesAsync("web", ServiceState.Running);
        var before = await agent.ContainerAsync("web");

        await engine.KillAsync(Ct);
        await agent.EventAsync("engine.lost");
        await engine.RestartAsync(Ct);

        await agent.BecomesAsync("web", ServiceState.Running);
        Assert.Equal(before.Id, (await agent.ContainerAsync("web")).Id);
    }

    [Fact]
    public async Task With_no_engine_at_its_start_the_agent_waits_and_goes_on_by_itself()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await engine.KillAsync(Ct);
        await using var agent = await RealAgent.StartAsync(engine, One);

        var status = await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: Ct);
        Assert.False(status.Engine.Reachable);
        await HealthBecomesAsync(agent, HealthCheckResponse.Types.ServingStatus.NotServing);

        await engine.RestartAsync(Ct);
        await agent.BecomesAsync("web", ServiceState.Running);
    }

    [Fact]
    public async Task An_engine_that_hangs_is_noticed_without_anybody_asking()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var agent = await RealAgent.StartAsync(engine, One);
        await agent.BecomesAsync("web", ServiceState.Running);
        var last = await agent.LastEventAsync();

        Posix.Kill(engine.Pid, SigStop);
        try
        {
            await agent.EventAsync("engine.lost", last);
        }
        finally
        {
            Posix.Kill(engine.Pid, SigCont);
        }

        await agent.EventAsync("engine.found", last);
        await agent.BecomesAsync("web", ServiceState.Running);
    }

    private static Task HealthBecomesAsync(RealAgent agent, HealthCheckResponse.Types.ServingStatus status) =>
        Eventually.TrueAsync(
            $"the engine's health is {status}",
            async ct =>
                (
                    await agent.Health.CheckAsync(new HealthCheckRequest { Service = "engine" }, cancellationToken: ct)
                ).Status == status,
            Ct
        );
}
