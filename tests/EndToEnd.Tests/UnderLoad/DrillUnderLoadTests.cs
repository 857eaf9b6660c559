namespace Appliance.EndToEnd.UnderLoad;

/// <summary>All disasters at the published programs, while 500 requests a second go to the application.</summary>
[Trait("Category", "Long")]
public sealed class DrillUnderLoadTests(ITestOutputHelper output)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("--short")]
    [InlineData("--window=20m")]
    public async Task All_disasters_are_recovered_from_in_time(string form)
    {
        await using var appliance = await LoadedAppliance.StartAsync(
            settings: engine =>
                $"""
                    drills:
                      agent-comes-back: true
                      ingress-comes-back: true
                    healing:
                      engine-pid-file: {engine.PidFile}

                    """,
            disk: 512
        );
        appliance.KeepAlive();
        await using var load = await appliance.LoadAsync();
        var file = Path.Combine(DevelopmentRun.Root, "artifacts", $"drill{form.Split('=')[0]}.md");

        var drill = await appliance.ControlAsync("drill", "--all", form, "--yes", "--report", file);

        output.WriteLine($"{drill.Errors}\n{drill.Output}\n{await load.StopAsync(Ct)}");
        output.WriteLine(await File.ReadAllTextAsync(file, Ct));
        drill.Succeeded();
        Assert.Contains("9 of 9 disasters were recovered from in time", drill.Output);
    }
}
