using System.Globalization;
using System.Text.Json.Nodes;
using Appliance.Testing;

namespace Appliance.EndToEnd.UnderLoad;

/// <summary>
/// Upgrades back and forth for minutes, under load, while whatever can be is killed, filled or cut off at random moments.
/// <c>tests/torture.sh</c> runs it for as long as it is told.
/// </summary>
[Trait("Category", "Long")]
public sealed class TortureTests(ITestOutputHelper output)
{
    private const string First = "1.0.0";
    private const string Second = "2.0.0";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly SortedDictionary<string, int> counts = new(StringComparer.Ordinal);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whatever_is_killed_filled_or_cut_off_one_release_serves_and_no_request_is_lost()
    {
        var minutes = Number("APPLIANCE_TORTURE_MINUTES", 5);
        var seed = Number("APPLIANCE_SEED", Random.Shared.Next(1_000_000));
        var random = new Random(seed);
        await using var appliance = await LoadedAppliance.StartAsync(disk: 768);
        appliance.KeepAlive();
        // With them each exchange lasts as long as a WebSocket may stay open, in which little is left to be disturbed.
        await using var load = await appliance.LoadAsync(longTime: TimeSpan.FromSeconds(3), withWebSockets: false);
        var begun = TimeProvider.System.GetTimestamp();
        try
        {
            while (TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromMinutes(minutes))
                await RoundAsync(appliance, random);
        }
        finally
        {
            var report = await load.StopAsync(Ct);
            var text = string.Join(
                '\n',
                (string[])
                    [
                        $"torture of {minutes} minutes, seed {seed}",
                        .. counts.Select(c => $"{c.Value, 6} {c.Key}"),
                        $"{report.Requests, 6} requests",
                        $"{report.Failed, 6} requests lost",
                        "",
                    ]
            );
            output.WriteLine($"{text}\n{report}");
            await File.WriteAllTextAsync(Path.Combine(DevelopmentRun.Root, "artifacts/torture.txt"), text, Ct);
            Assert.Equal(0, report.Failed);
        }
        Assert.Equal(0, (await appliance.ControlAsync("audit", "verify")).ExitCode);
    }

    /// <summary>One operation, and what befalls it.</summary>
    private async Task RoundAsync(LoadedAppliance appliance, Random random)
    {
        var before = await VersionAsync(appliance);
        if (before == First && random.Next(4) == 0)
        {
            await appliance.CutUpgradeAsync(Second, TimeSpan.FromMilliseconds(random.Next(20, 1500)));
            Count("uploads cut off");
            await WhenCalmAsync(appliance);
            before = await VersionAsync(appliance);
        }
        // What was rolled back from is not kept, so that there is always the one way or the other.
        var work = before == First ? appliance.UpgradeAsync(Second) : appliance.ControlAsync("rollback", "--yes");
        Count(before == First ? "upgrades" : "rollbacks");
        for (var faults = random.Next(1, 4); faults > 0; faults--)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(100, 6000)), TimeProvider.System, Ct);
            await BefallAsync(appliance, random);
        }
        await work;
        await WhenCalmAsync(appliance);
        Count($"came to {await VersionAsync(appliance)} from {before}");
    }

    private async Task BefallAsync(LoadedAppliance appliance, Random random)
    {
        switch (random.Next(4))
        {
            case 0:
                Count("agents killed");
                appliance.Crash(agent: true, engine: false);
                break;
            case 1:
                Count("engines killed");
                appliance.Crash(agent: false, engine: true);
                break;
            case 2:
                Count("agents and engines killed");
                appliance.Crash(agent: true, engine: true);
                break;
            default:
                Count("disks filled");
                await appliance.FillDiskAsync(TimeSpan.FromMilliseconds(random.Next(500, 5000)));
                break;
        }
    }

    /// <summary>Returns once nothing is under way and all is well, with one release and no container of another.</summary>
    private static async Task WhenCalmAsync(LoadedAppliance appliance)
    {
        await Eventually.TrueAsync(
            "nothing is under way, and one release runs whole",
            async _ =>
            {
                var asked = await appliance.ControlAsync("status", "-o", "json");
                if (asked.ExitCode != 0)
                    return false;
                var status = JsonNode.Parse(asked.Output)!;
                var version = (string?)status["release"]?["version"];
                return string.IsNullOrEmpty((string?)status["release"]?["underWay"])
                    && version is First or Second
                    && (string?)status["health"] == "HEALTH_OK"
                    && await appliance.LookAsync() is (2, { Count: 1 } versions)
                    && versions.Contains(version);
            },
            Ct,
            Patience
        );
    }

    private static async Task<string> VersionAsync(LoadedAppliance appliance) =>
        (string)(await appliance.AskAsync("status"))["release"]!["version"]!;

    private void Count(string what) => counts[what] = counts.GetValueOrDefault(what) + 1;

    private static int Number(string name, int usual) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : usual;
}
