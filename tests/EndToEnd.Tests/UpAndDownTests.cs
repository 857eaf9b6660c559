using Appliance.Testing;

namespace Appliance.EndToEnd;

public sealed class UpAndDownTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Up_serves_the_demo_at_the_first_url_that_it_prints()
    {
        await using var run = new DevelopmentRun();
        var up = (await run.UpAsync(Cancelled)).Succeeded();

        var url = DevelopmentRun.FirstUrl(up);
        Assert.Equal("127.0.0.1", url.Host);
        Assert.DoesNotContain("://", up.Errors, StringComparison.Ordinal);
        Assert.Equal(new Page("1.0.0", 1), await run.VisitAsync(url, Cancelled));
        Assert.Equal(new Page("1.0.0", 2), await run.VisitAsync(url, Cancelled));
    }

    [Fact]
    public async Task A_second_up_is_quick_and_changes_nothing()
    {
        await using var run = new DevelopmentRun();
        var first = (await run.UpAsync(Cancelled)).Succeeded();
        var containers = await run.ContainersAsync(Cancelled);
        Assert.Equal(["demo-counter-1", "demo-web-1", "demo-web-2"], containers.Keys);

        var second = (await run.UpAsync(Cancelled)).Succeeded();

        Assert.True(second.Took < TimeSpan.FromSeconds(20), $"it took {second.Took}");
        Assert.Equal(first.Output, second.Output);
        Assert.Equal(containers, await run.ContainersAsync(Cancelled));
    }

    [Fact]
    public async Task Down_leaves_no_process_no_mount_and_no_file()
    {
        await using var run = new DevelopmentRun();
        var url = DevelopmentRun.FirstUrl((await run.UpAsync(Cancelled)).Succeeded());
        Assert.NotEmpty(run.Processes());

        (await run.DownAsync([], Cancelled)).Succeeded();

        Assert.Empty(run.Processes());
        Assert.Empty(run.Mounts());
        Assert.False(Directory.Exists(run.Folder));
        Assert.Null(await run.VisitAsync(url, Cancelled));
        (await run.DownAsync([], Cancelled)).Succeeded();
    }

    [Fact]
    public async Task An_engine_that_was_there_before_is_left_as_it_was()
    {
        await using var engine = await PrivateEngine.StartAsync(Cancelled);
        await using var run = new DevelopmentRun(engine.Endpoint);
        var before = await InventoryAsync(run);

        (await run.UpAsync(Cancelled)).Succeeded();
        Assert.NotEqual(before, await InventoryAsync(run));
        (await run.DownAsync([], Cancelled)).Succeeded();

        Assert.Equal(before, await InventoryAsync(run));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Kept_data_is_gone_on_with(bool onGivenEngine)
    {
        await using var engine = onGivenEngine ? await PrivateEngine.StartAsync(Cancelled) : null;
        await using var run = new DevelopmentRun(engine?.Endpoint);
        var url = DevelopmentRun.FirstUrl((await run.UpAsync(Cancelled)).Succeeded());
        Assert.Equal(new Page("1.0.0", 1), await run.VisitAsync(url, Cancelled));

        (await run.DownAsync(["--keep-data"], Cancelled)).Succeeded();
        Assert.Empty(run.Processes());
        url = DevelopmentRun.FirstUrl((await run.UpAsync(Cancelled)).Succeeded());

        Assert.Equal(new Page("1.0.0", 2), await run.VisitAsync(url, Cancelled));
    }

    [Fact]
    public async Task Down_takes_away_what_a_killed_engine_left_running()
    {
        await using var run = new DevelopmentRun();
        (await run.UpAsync(Cancelled)).Succeeded();
        run.Kill("docker.pid");
        run.Kill("agent.pid");

        (await run.DownAsync([], Cancelled)).Succeeded();

        Assert.Empty(run.Processes());
        Assert.Empty(run.Mounts());
    }

    [Fact]
    public async Task An_argument_that_down_does_not_know_is_a_usage_error()
    {
        await using var run = new DevelopmentRun();
        Assert.Equal(2, (await run.DownAsync(["--keep-dta"], Cancelled)).ExitCode);
    }

    private static async Task<string> InventoryAsync(DevelopmentRun run)
    {
        string[][] lists =
        [
            ["container", "ls", "--all", "--quiet"],
            ["network", "ls", "--quiet"],
            ["volume", "ls", "--quiet"],
            ["image", "ls", "--all", "--quiet"],
        ];
        var inventory = new List<string>();
        foreach (var list in lists)
            inventory.AddRange((await run.DockerAsync(list, Cancelled)).Words.Order());
        return string.Join('\n', inventory);
    }
}
