namespace Appliance.EndToEnd;

/// <summary>What an administrator does with bundles, through the programs as they are published.</summary>
public sealed class UpdateTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_demo_is_upgraded_rolled_back_and_saved_from_a_broken_release_with_its_visits()
    {
        await using var run = new DevelopmentRun();
        var url = DevelopmentRun.FirstUrl((await run.UpAsync(Cancelled)).Succeeded());
        Assert.Equal(new Page("1.0.0", 1), await run.VisitAsync(url, Cancelled));

        Assert.Equal(0, (await UpgradeAsync(run, "2.0.0")).ExitCode);
        Assert.Equal(new Page("2.0.0", 2), await run.VisitAsync(url, Cancelled));

        Assert.Equal(0, (await run.ControlAsync(["rollback", "--yes"], Cancelled)).ExitCode);
        Assert.Equal(new Page("1.0.0", 3), await run.VisitAsync(url, Cancelled));

        var broken = await UpgradeAsync(run, "3.0.0-broken");
        Assert.Equal(6, broken.ExitCode);
        Assert.Equal(new Page("1.0.0", 4), await run.VisitAsync(url, Cancelled));
        var history = (await run.ControlAsync(["history"], Cancelled)).Succeeded();
        Assert.Contains("404 Not Found", history.Output, StringComparison.Ordinal);

        // The floor did not rise with what was taken back, and stands at what has committed.
        Assert.Equal(0, (await UpgradeAsync(run, "2.0.0")).ExitCode);
        Assert.Equal(new Page("2.0.0", 5), await run.VisitAsync(url, Cancelled));
        var lower = await UpgradeAsync(run, "1.0.0");
        Assert.Equal(5, lower.ExitCode);
        Assert.Contains("metadata/timestamp.json", lower.Errors, StringComparison.Ordinal);
        Assert.Equal(new Page("2.0.0", 6), await run.VisitAsync(url, Cancelled));
    }

    private static Task<Command> UpgradeAsync(DevelopmentRun run, string version) =>
        run.ControlAsync(
            [
                "upgrade",
                "--bundle",
                Path.Combine(DevelopmentRun.Root, $"artifacts/demo/demo-{version}.bundle"),
                "--yes",
            ],
            Cancelled
        );
}
