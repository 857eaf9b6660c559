using Appliance.Agent.Tests.Running;
using Appliance.Docker;
using Appliance.V1;

namespace Appliance.Agent.Tests.Updates;

/// <summary>Not all has to be well for an update to be right.</summary>
public sealed class AilingServicesTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_not_well_before_is_not_held_against_an_upgrade_that_does_not_touch_it()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", Compose("1.0.0")));
        await SickenAsync(agent, "data");
        await agent.BecomesAsync("data", "unhealthy", d => d.Summary.State is ServiceState.Unhealthy);

        var end = await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", Compose("2.0.0")));

        Assert.True(end.State is OperationState.Done, $"{end}");
        Assert.Equal("2.0.0", await agent.VersionAsync());
    }

    [Fact]
    public async Task A_rollback_brings_what_was_asked_for_even_if_not_all_of_it_is_well()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", Compose("1.0.0")));
        await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", Compose("2.0.0", check: "true")));
        await SickenAsync(agent, "web");

        var end = await agent.RollBackAsync();

        Assert.True(end.State is OperationState.Done, $"{end}");
        Assert.Contains("but not all of it is well: web: Unhealthy", end.Sentence, StringComparison.Ordinal);
        Assert.Equal("1.0.0", await agent.VersionAsync());
    }

    private static async Task SickenAsync(RealAgent agent, string service) =>
        await agent.Engine.Containers.ExecAsync(
            $"{agent.Project}-{service}-1",
            new ExecSpec { Command = ["touch", "/state/sick"] },
            1000,
            Ct
        );

    private static string Compose(string version, string check = "test ! -e /state/sick") =>
        $$$"""
            services:
              web:
                image: {{{RealAgent.Image}}}
                stop_signal: SIGKILL
                labels: {release: "{{{version}}}"}
                volumes: ["web:/state"]
                healthcheck: {test: ["CMD-SHELL", "{{{check}}}"], interval: 200ms, timeout: 2s, retries: 2}
                deploy: {update_config: {monitor: 100ms}}
              data:
                image: {{{RealAgent.Image}}}
                stop_signal: SIGKILL
                volumes: ["data:/state"]
                healthcheck: {test: ["CMD-SHELL", "test ! -e /state/sick"], interval: 200ms, timeout: 2s, retries: 2}
            volumes: {web: {}, data: {}}
            """;
}
