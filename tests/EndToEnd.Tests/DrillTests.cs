using System.Text.Json.Nodes;

namespace Appliance.EndToEnd;

/// <summary>The short form of all disasters, on the demo as it is brought up by the README.</summary>
public sealed class DrillTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_demo_recovers_in_time_from_every_disaster_that_can_be_had_in_a_development_run()
    {
        await using var run = new DevelopmentRun();
        var url = DevelopmentRun.FirstUrl((await run.UpAsync(Cancelled)).Succeeded());
        Assert.Equal(1, (await run.VisitAsync(url, Cancelled))?.Visits);

        var drill = await run.ControlAsync(["drill", "--all", "--short", "--yes", "-o", "json"], Cancelled);

        TestContext.Current.TestOutputHelper?.WriteLine(drill.Output);
        var report = JsonNode.Parse(drill.Succeeded().Output)!;
        var passed = report["disasters"]!
            .AsArray()
            .Where(d => (string?)d!["outcome"] == "OUTCOME_PASSED")
            .Select(d => (string?)d!["name"]);
        Assert.Superset(
            new HashSet<string?> { "kill-service", "slow-service", "cut-network", "corrupt-image" },
            passed.ToHashSet()
        );
        // Nothing of what was brought about is left.
        Assert.Equal(2, (await run.VisitAsync(url, Cancelled))?.Visits);
    }
}
