using Appliance.Agent.Tests.Running;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What a start of the agent finds between two releases: held by somebody, or not as it was left.</summary>
public sealed class ResumedTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_held_between_two_services_runs_again_after_a_start_of_the_machine()
    {
        await using var agent = await RunningAsync();
        // data is well once it is let go on.
        var bundle = await agent.BundleAsync("2.0.0", Compose("2.0.0", dataCheck: "test -e /go"));
        var begun = await agent.UpgradeUntilAsync(bundle, o => Says(o, "replacing data"));
        await agent.Updates.PauseRolloutAsync(new PauseRolloutRequest(), cancellationToken: Ct);
        await RunAsync(agent, "data-1 2.0.0", "web-1 1.0.0");
        await agent.TouchAsync("data", "/go");
        await agent.WatchAsync(begun.Id, o => Says(o, "data is well"));

        await agent.KillAsync();
        await StopAllAsync(agent);
        await agent.StartAsync();

        await RunAsync(agent, "data-1 2.0.0", "web-1 1.0.0");
        await agent.Updates.PromoteRolloutAsync(new PromoteRolloutRequest(), cancellationToken: Ct);
        await agent.WatchAsync(begun.Id, o => Says(o, "trying the new web"));
        await agent.Updates.PromoteRolloutAsync(new PromoteRolloutRequest(), cancellationToken: Ct);
        Assert.Equal(OperationState.Done, (await agent.EndOfAsync(begun.Id)).State);
        await agent.RunsWholeAsync("2.0.0");
    }

    [Fact]
    public async Task What_is_held_in_its_trial_runs_again_after_a_start_of_the_machine_with_what_is_tried()
    {
        await using var agent = await RunningAsync();
        var bundle = await agent.BundleAsync("2.0.0", Compose("2.0.0"));
        var begun = await agent.UpgradeUntilAsync(bundle, o => Says(o, "trying the new web"));
        await agent.Updates.PauseRolloutAsync(new PauseRolloutRequest(), cancellationToken: Ct);

        await agent.KillAsync();
        await StopAllAsync(agent);
        await agent.StartAsync();

        await RunAsync(agent, "data-1 2.0.0", "web-1 1.0.0", "web-2 2.0.0");
        await agent.Updates.PromoteRolloutAsync(new PromoteRolloutRequest(), cancellationToken: Ct);
        Assert.Equal(OperationState.Done, (await agent.EndOfAsync(begun.Id)).State);
        await agent.RunsWholeAsync("2.0.0");
    }

    [Fact]
    public async Task What_fails_after_the_agent_was_killed_while_it_watched_is_taken_back()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        var bundle = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0", check: "test ! -e /sick"));
        // Right after the entry that says that all services are watched.
        agent.Environment["APPLIANCE_TEST_DIE_AT"] = "after:9";
        await agent.StartAsync();
        await Assert.ThrowsAsync<RpcException>(() => agent.UpgradeAsync(bundle));
        await agent.EndedAsync();
        agent.Environment.Remove("APPLIANCE_TEST_DIE_AT");
        await agent.TouchAsync("web", "/sick");
        await agent.StartAsync();

        var newest = await agent.Operations.ListOperationsAsync(
            new ListOperationsRequest { Limit = 1 },
            cancellationToken: Ct
        );
        var end = await agent.EndOfAsync(newest.Operations[0].Id);

        Assert.Equal(OperationState.RolledBack, end.State);
        Assert.StartsWith("web: ", end.Reason, StringComparison.Ordinal);
        await agent.RunsWholeAsync("1.0.0");
    }

    private async Task<RealAgent> RunningAsync()
    {
        var agent = RealAgent.On(shared.Engine);
        await agent.InstallAsync(Compose("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        return agent;
    }

    /// <summary>Waits until these run, and no others.</summary>
    private static Task RunAsync(RealAgent agent, params string[] expected) =>
        Eventually.TrueAsync(
            $"{string.Join(", ", expected)} run",
            async _ =>
                (await agent.ContainersAsync())
                    .Where(c => c.State is ContainerStatus.Running)
                    .Select(c => $"{c.Names[0]} {c.Labels["release"]}")
                    .Order()
                    .SequenceEqual(expected.Select(e => $"/{agent.Project}-{e}")),
            Ct,
            TimeSpan.FromSeconds(40)
        );

    /// <summary>What a machine leaves of containers when it goes down.</summary>
    private static async Task StopAllAsync(RealAgent agent)
    {
        foreach (var container in await agent.ContainersAsync())
        {
            try
            {
                await agent.Engine.Containers.StopAsync(container.Id, TimeSpan.Zero, signal: null, Ct);
            }
            // The agent was just removing it when it was killed.
            catch (EngineNotFoundException) { }
        }
    }

    private static bool Says(Operation operation, string sentence) =>
        operation.Sentence.StartsWith(sentence, StringComparison.Ordinal);

    private static string Compose(string version, string dataCheck = "true") =>
        $$$"""
            services:
              web:
                image: {{{RealAgent.Image}}}
                stop_signal: SIGKILL
                labels: {release: "{{{version}}}"}
                deploy: {update_config: {monitor: 100ms, order: start-first}}
                depends_on: [data]
                x-appliance: {ingress: [8080], canary: {duration: 1h}}
              data:
                image: {{{RealAgent.Image}}}
                stop_signal: SIGKILL
                labels: {release: "{{{version}}}"}
                healthcheck: {test: ["CMD-SHELL", "{{{dataCheck}}}"], interval: 200ms, timeout: 2s, retries: 2, start_period: 60s}
                deploy: {update_config: {monitor: 100ms}}
            """;
}
