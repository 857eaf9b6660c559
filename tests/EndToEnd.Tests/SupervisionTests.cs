using Appliance.Testing;

namespace Appliance.EndToEnd;

/// <summary>What somebody tries by hand first, through the programs as they are published.</summary>
public sealed class SupervisionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_container_that_was_removed_comes_back_and_an_event_says_so()
    {
        await using var run = new DevelopmentRun();
        var url = DevelopmentRun.FirstUrl((await run.UpAsync(Cancelled)).Succeeded());
        var before = await run.ContainersAsync(Cancelled);

        await run.DockerAsync(["rm", "-f", "demo-web-1"], Cancelled);

        // The other replica answers meanwhile.
        Assert.NotNull(await run.VisitAsync(url, Cancelled));
        var after = await Eventually.GetAsync(
            "the replica is back",
            async cancelled =>
                await run.ContainersAsync(cancelled) is { } now && now.ContainsKey("demo-web-1") ? now : null,
            Cancelled,
            Patience
        );
        Assert.NotEqual(before["demo-web-1"], after["demo-web-1"]);
        Assert.Equal(before["demo-counter-1"], after["demo-counter-1"]);
        var events = (await run.ControlAsync(["events"], Cancelled)).Succeeded();
        Assert.Contains(
            events.Output.Split('\n'),
            line =>
                line.Contains("web", StringComparison.Ordinal) && line.Contains("was gone", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_killed_agent_finds_its_containers_as_they_were_and_a_stopped_service_stopped()
    {
        await using var run = new DevelopmentRun();
        var url = DevelopmentRun.FirstUrl((await run.UpAsync(Cancelled)).Succeeded());
        (await run.ControlAsync(["services", "stop", "web"], Cancelled)).Succeeded();
        await Eventually.GetAsync(
            "web has stopped",
            async cancelled => await run.VisitAsync(url, cancelled) is null ? "stopped" : null,
            Cancelled,
            Patience
        );
        var counter = await StartOfAsync(run, "demo-counter-1");

        run.Kill("agent.pid");
        using var agent = run.StartAgent();
        try
        {
            await Eventually.GetAsync(
                "the agent knows that web is stopped",
                async cancelled =>
                {
                    var shown = await run.ControlAsync(["services", "show", "web", "-o", "json"], cancelled);
                    return shown.Output.Contains("SERVICE_STATE_STOPPED", StringComparison.Ordinal) ? "stopped" : null;
                },
                Cancelled,
                Patience
            );
            Assert.Null(await run.VisitAsync(url, Cancelled));
            Assert.Equal(counter, await StartOfAsync(run, "demo-counter-1"));

            (await run.ControlAsync(["services", "start", "web"], Cancelled)).Succeeded();
            await Eventually.GetAsync(
                "the page answers again",
                cancelled => run.VisitAsync(url, cancelled),
                Cancelled,
                Patience
            );
            Assert.Equal(counter, await StartOfAsync(run, "demo-counter-1"));
        }
        finally
        {
            agent.Kill();
            await agent.WaitForExitAsync(CancellationToken.None);
        }
    }

    /// <summary>Which container it is, and when it was started: neither changes unless it was touched.</summary>
    private static async Task<string> StartOfAsync(DevelopmentRun run, string container) =>
        (await run.DockerAsync(["inspect", "-f", "{{.Id}} {{.State.StartedAt}}", container], Cancelled)).Output;
}
