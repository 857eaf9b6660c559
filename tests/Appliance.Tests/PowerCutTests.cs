using System.Globalization;
using Appliance.Testing;
using Appliance.Tests.Disks;
using Appliance.Tests.Machines;
using Appliance.Tests.WriteLogs;

namespace Appliance.Tests;

/// <summary>
/// Whenever the power goes, what boots is the old release or the new one, whole, with the visits that were acknowledged.
/// </summary>
[Trait("Category", "Long")]
public sealed class PowerCutTests(ApplianceImage image, ITestOutputHelper output) : IClassFixture<ApplianceImage>
{
    /// <summary>How many moments of an upgrade are tried; <c>APPLIANCE_POWER_CUTS</c> takes fewer.</summary>
    private static readonly int Cuts = Setting("APPLIANCE_POWER_CUTS", 200);

    /// <summary>How many times the machine is killed; <c>APPLIANCE_KILLS</c> takes fewer.</summary>
    private static readonly int Kills = Setting("APPLIANCE_KILLS", 20);

    /// <summary>Which of these the moments are: the same seed, the same moments of the same log.</summary>
    private static readonly int Seed = Setting("APPLIANCE_SEED", Environment.TickCount & 0xffff);

    [Fact]
    public async Task The_disk_as_of_any_flush_of_an_upgrade_boots_to_one_release_with_its_data()
    {
        var ct = TestContext.Current.CancellationToken;
        using var folder = new ScratchFolder();
        var installed = await InstalledAsync(folder, ct);
        var recorded = await RecordUpgradeAsync(installed, folder, ct);
        output.WriteLine(
            $"The upgrade: flushes {recorded.From} to {recorded.To}, {recorded.Visits} visits before it; seed {Seed}"
        );

        // Evenly over the upgrade; every fourth with what followed the flush torn.
        var flushes = recorded.To - recorded.From;
        var points = Enumerable
            .Range(0, Cuts)
            .Select(n => (Number: n, Flush: recorded.From + (int)((long)flushes * n / Math.Max(1, Cuts - 1))))
            .ToList();
        // Two replays, and two machines: each takes every other point, in order.
        var outcomes = await Task.WhenAll(
            Enumerable
                .Range(0, 2)
                .Select(lane =>
                    TryAsync(installed, recorded, folder[$"lane{lane}"], points.Where(p => p.Number % 2 == lane), ct)
                )
        );

        var all = outcomes.SelectMany(o => o).ToList();
        foreach (var version in all.GroupBy(o => o.Version).OrderBy(g => g.Key, StringComparer.Ordinal))
            output.WriteLine($"{version.Count()} of {all.Count} came back with {version.Key}");
        Assert.Equal(Cuts, all.Count);
    }

    [Fact]
    public async Task A_machine_that_is_killed_at_any_moment_comes_back_with_one_release_and_its_data()
    {
        var ct = TestContext.Current.CancellationToken;
        using var folder = new ScratchFolder();
        var random = new Random(Seed);
        output.WriteLine($"Seed {Seed}");
        var seed = await Appliance.BundlesAsync(folder, ct);
        var disk = await image.Disk.OverlayAsync(folder["disk.qcow2"], ct);
        await using var machine = await Machine.StartAsync(disk, new() { Forward = [80], Seed = seed }, ct);
        long visits = 0;

        for (var kill = 0; kill <= Kills; kill++)
        {
            if (kill is > 0 and <= 3)
            {
                // The first boots are cut short wherever they are: partition, journal and installation are being made.
                await Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * 60), TimeProvider.System, ct);
            }
            else
            {
                var page = await machine.WaitForPageAsync(ct);
                Assert.True(page.Visits > visits, $"kill {kill}: {page.Visits} visits after {visits}");
                visits = page.Visits;
                await machine.Console.LoginAsync(ct);
                var status = await machine.WaitUntilWellAsync(ct);
                page = await machine.WaitForPageAsync(ct);
                visits = page.Visits;
                Assert.Equal(page.Version, Appliance.ReleaseOf(status));
                output.WriteLine($"After {kill} kills: {page.Version}, {visits} visits");
                if (kill == Kills)
                    break;
                var change = page.Version == "1.0.0" ? "upgrade --bundle /run/seed/demo-2.0.0.bundle" : "rollback";
                machine.Console.Type(
                    $"mkdir -p /run/seed; mount -o ro {SeedDisk.Device} /run/seed; appliancectl {change} --yes >/run/change 2>&1 &"
                );
                await Task.Delay(TimeSpan.FromSeconds(random.NextDouble() * 45), TimeProvider.System, ct);
            }
            await machine.CutPowerAsync(ct);
            await machine.PowerOnAsync(ct);
        }
    }

    private sealed record Recording(string Log, int From, int To, long Visits);

    private sealed record Outcome(string Version);

    private async Task<DiskImage> InstalledAsync(ScratchFolder folder, CancellationToken ct)
    {
        var disk = await image.Disk.OverlayAsync(folder["installed.qcow2"], ct);
        await using var machine = await Machine.StartAsync(disk, new() { Forward = [80] }, ct);
        await machine.WaitForPageAsync(ct);
        await machine.Console.LoginAsync(ct);
        await machine.WaitUntilWellAsync(ct);
        await machine.ShutDownAsync(ct);
        return disk;
    }

    private static async Task<Recording> RecordUpgradeAsync(
        DiskImage installed,
        ScratchFolder folder,
        CancellationToken ct
    )
    {
        var seed = await Appliance.BundlesAsync(folder, ct);
        await using var machine = await Machine.StartAsync(
            installed.Overlay(),
            new()
            {
                Forward = [80],
                LogWrites = true,
                Seed = seed,
            },
            ct
        );
        await machine.WaitForPageAsync(ct);
        await machine.Console.LoginAsync(ct);
        await machine.WaitUntilWellAsync(ct);
        await machine.DoAsync($"mkdir -p /run/seed && mount -o ro {SeedDisk.Device} /run/seed", ct);
        long visits = 0;
        for (var visit = 0; visit < 20; visit++)
            visits = (await machine.WaitForPageAsync(ct)).Visits;
        await machine.DoAsync("sync", ct);
        var from = CountFlushes(machine.WriteLogPath);
        await machine.DoAsync(
            "appliancectl upgrade --bundle /run/seed/demo-2.0.0.bundle --yes",
            ct,
            Appliance.Patience
        );
        await machine.WaitUntilWellAsync(ct);
        var to = CountFlushes(machine.WriteLogPath);
        await machine.QuitAsync(ct);
        var log = folder["writes.log"];
        File.Move(machine.WriteLogPath, log);
        return new(log, from, to, visits);
    }

    private static int CountFlushes(string path)
    {
        using var log = WriteLog.Open(path, long.MaxValue);
        return log.Survey().Flushes;
    }

    private async Task<List<Outcome>> TryAsync(
        DiskImage installed,
        Recording recorded,
        string folder,
        IEnumerable<(int Number, int Flush)> points,
        CancellationToken ct
    )
    {
        var outcomes = new List<Outcome>();
        using var replay = await Replay.StartAsync(installed, recorded.Log, folder, ct);
        foreach (var (number, flush) in points)
        {
            using var point =
                number % 4 == 3 && flush < recorded.To
                    ? await replay.TornAsync(flush, Seed + number, ct)
                    : await replay.AsOfFlushAsync(flush, ct);
            try
            {
                outcomes.Add(await BootAsync(point, recorded, ct));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new MachineException($"The disk {point} (point {number}): {e.Message}", e);
            }
            output.WriteLine($"{TimeProvider.System.GetUtcNow():HH:mm:ss} {number, 3} {point}: {outcomes[^1].Version}");
        }
        return outcomes;
    }

    private static async Task<Outcome> BootAsync(DiskPoint point, Recording recorded, CancellationToken ct)
    {
        await using var machine = await Machine.StartAsync(point.Disk, new() { Forward = [80], Cpus = 1 }, ct);
        var page = await machine.WaitForPageAsync(ct);
        Assert.True(page.Visits > recorded.Visits, $"{page.Visits} visits, and {recorded.Visits} were acknowledged");
        // What the journal still has to do is done, and then agent, engine and application agree.
        await machine.Console.LoginAsync(ct);
        var status = await machine.WaitUntilWellAsync(ct);
        page = await machine.WaitForPageAsync(ct);
        Assert.Equal(Appliance.ReleaseOf(status), page.Version);
        Assert.Contains(page.Version, new[] { "1.0.0", "2.0.0" });
        return new(page.Version);
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
            ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)
            : otherwise;
}
