using System.Globalization;
using System.Text.Json.Nodes;
using Appliance.Testing;
using Appliance.Tests.Disks;
using Appliance.Tests.Machines;
using Appliance.Tests.Userlands;
using Appliance.Tests.WriteLogs;

namespace Appliance.Tests;

/// <summary>
/// Whenever the power goes, what boots is the old release or the new one, whole, with the visits that were acknowledged.
/// </summary>
[Trait("Category", "Long")]
public sealed class PowerCutTests(ApplianceImage image, ITestOutputHelper output) : IClassFixture<ApplianceImage>
{
    private const int UsualCuts = 200;

    private const int UsualBoots = 20;

    private const int UsualKills = 20;

    private const int Minutes = 60_000;

    /// <summary>The release that brings an agent of its own.</summary>
    private const string WithAgent = "2.1.0";

    private const string OnceLoaded =
        "docker events --since $since --filter type=image --filter event=load | { read -r _; ";

    /// <summary>How many moments of an upgrade are tried; <c>APPLIANCE_POWER_CUTS</c> takes fewer.</summary>
    private static readonly int Cuts = Setting("APPLIANCE_POWER_CUTS", UsualCuts);

    /// <summary>
    /// Of how many of them a whole machine is booted, evenly over the upgrade; <c>APPLIANCE_POWER_BOOTS</c> says another
    /// number, up to all of them. Of each, what the machine starts comes up; an emulated machine takes minutes besides.
    /// </summary>
    private static readonly int Boots = Math.Min(Setting("APPLIANCE_POWER_BOOTS", UsualBoots), Cuts);

    /// <summary>How many times the machine is killed; <c>APPLIANCE_KILLS</c> takes fewer.</summary>
    private static readonly int Kills = Setting("APPLIANCE_KILLS", UsualKills);

    /// <summary>Which of these the moments are: the same seed, the same moments of the same log.</summary>
    private static readonly int Seed = Setting("APPLIANCE_SEED", Environment.TickCount & 0xffff);

    [Fact(Timeout = UsualCuts * 3 * Minutes)]
    public Task The_disk_as_of_any_flush_of_an_upgrade_boots_to_one_release_with_its_data() =>
        SurvivesAsync("2.0.0", Appliance.BundlesAsync, "demo-2.0.0.bundle");

    /// <summary>One that comes as deltas, brings another agent, and changes data so that the release before cannot use it.</summary>
    [Fact(Timeout = UsualCuts * 3 * Minutes)]
    public Task The_disk_as_of_any_flush_of_an_upgrade_that_changes_agent_and_data_does_too() =>
        SurvivesAsync(
            WithAgent,
            (folder, ct) => Appliance.BundleWithAgentAsync(folder, ct, changesAll: true),
            "next.bundle"
        );

    [Fact(Timeout = UsualKills * 10 * Minutes)]
    public async Task A_machine_that_is_killed_at_any_moment_comes_back_with_one_release_and_its_data()
    {
        var ct = TestContext.Current.CancellationToken;
        using var folder = new ScratchFolder();
        var random = new Random(Seed);
        output.WriteLine($"Seed {Seed}");
        var seed = await Appliance.BundlesAsync(folder, ct);
        var disk = await image.Disk.OverlayAsync(folder["disk.qcow2"], ct);
        await using var machine = await Machine.StartAsync(disk, new() { Forward = [80], Seed = seed }, ct);
        var versions = new HashSet<string>(StringComparer.Ordinal);
        long visits = 0;

        for (var kill = 0; kill <= Kills; kill++)
        {
            if (kill < Math.Min(3, Kills))
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
                versions.Add(page.Version);
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
        Assert.Subset(new HashSet<string>(StringComparer.Ordinal) { "1.0.0", "2.0.0" }, versions);
        // What a change had come to cannot be read after a cut; but with that many, some got through.
        if (Kills >= 10)
            Assert.Equal(2, versions.Count);
    }

    [Theory(Timeout = 15 * Minutes)]
    // The engine says that it has an image while the image's files are in memory only; as the image mounts its disk, and as
    // other machines do, where their names get to the disk before them.
    [InlineData("as mounted", OnceLoaded)]
    [InlineData("delalloc", OnceLoaded)]
    [InlineData("delalloc", "{ wait; ")]
    public async Task What_an_upgrade_has_come_to_is_there_in_full_after_a_power_cut(string mount, string instant)
    {
        var ct = TestContext.Current.CancellationToken;
        using var folder = new ScratchFolder();
        var seed = await Appliance.BundlesAsync(folder, ct);
        var disk = await image.Disk.OverlayAsync(folder["disk.qcow2"], ct);
        await using var machine = await Machine.StartAsync(disk, new() { Forward = [80], Seed = seed }, ct);
        await machine.WaitForPageAsync(ct);
        await machine.Console.LoginAsync(ct);
        await machine.WaitUntilWellAsync(ct);
        await machine.DoAsync($"mkdir -p /run/seed && mount -o ro {SeedDisk.Device} /run/seed", ct);
        Assert.Contains(
            "nodelalloc",
            await machine.DoAsync("findmnt -n -o OPTIONS /data", ct),
            StringComparison.Ordinal
        );
        if (mount != "as mounted")
        {
            // Not for a file system that is mounted: at the next boot.
            await machine.DoAsync("sed -i 's/,nodelalloc//' /etc/fstab && sync", ct);
            await machine.RebootAsync(ct);
            await machine.WaitForPageAsync(ct);
            await machine.Console.LoginAsync(ct);
            await machine.WaitUntilWellAsync(ct);
            await machine.DoAsync($"mkdir -p /run/seed && mount -o ro {SeedDisk.Device} /run/seed", ct);
            Assert.DoesNotContain(
                "nodelalloc",
                await machine.DoAsync("findmnt -n -o OPTIONS /data", ct),
                StringComparison.Ordinal
            );
        }

        // From within, because that is quick enough. That a file is synchronized has the names of all others written, as
        // happens every few seconds anyway.
        var before = machine.Resets;
        machine.Console.Type(
            "since=$(date +%s); appliancectl upgrade --bundle /run/seed/demo-2.0.0.bundle --yes & "
                + $"{instant}echo >/data/cut; sync /data/cut; echo b >/proc/sysrq-trigger; }}"
        );
        await machine.WaitForResetAsync(before, ct, Appliance.Patience);

        await machine.WaitForPageAsync(ct);
        await machine.Console.LoginAsync(ct);
        Assert.Equal("2.0.0", Appliance.ReleaseOf(await machine.WaitUntilWellAsync(ct)));
        Assert.Equal("2.0.0", (await machine.WaitForPageAsync(ct)).Version);
        Assert.True(await machine.EngineWentThroughItsBooksAsync(ct));
    }

    /// <summary>An upgrade as it was written to the disk.</summary>
    /// <param name="Log">What was written.</param>
    /// <param name="From">How many flushes the disk had seen when nothing of the upgrade had begun.</param>
    /// <param name="To">And when it was reported done.</param>
    /// <param name="Visits">Those that were acknowledged, in order.</param>
    private sealed record Recording(string Log, int From, int To, IReadOnlyList<Visit> Visits);

    /// <summary>An acknowledged visit.</summary>
    /// <param name="Number">How many were acknowledged, this one with them.</param>
    /// <param name="Flush">How many flushes the disk had seen then: as of that one, the visit is on it.</param>
    private sealed record Visit(long Number, int Flush);

    /// <param name="Number">Counted from 0.</param>
    /// <param name="Flush">How many flushes the disk has seen.</param>
    /// <param name="Torn">Whether some of what came after the flush is on it too.</param>
    /// <param name="Booted">Whether a whole machine boots from it.</param>
    private sealed record Point(int Number, int Flush, bool Torn, bool Booted);

    private sealed record Outcome(Point Point, string Version);

    /// <summary>
    /// Evenly over the upgrade, every fourth with what followed the flush torn; if there are fewer flushes than that, each
    /// once, and torn in several ways. And the last one, which all of the upgrade is on.
    /// </summary>
    private static List<Point> PointsOf(Recording recorded)
    {
        var flushes = recorded.To - recorded.From;
        var points = new List<Point>();
        for (var number = 0; number < Cuts; number++)
        {
            var flush = recorded.From + (int)((long)flushes * number / Cuts);
            var again = points.Count > 0 && points[^1].Flush == flush;
            points.Add(
                new(
                    number,
                    flush,
                    Torn: again || (flushes >= Cuts && number % 4 == 3),
                    Booted: (number + 1) * Boots / Cuts > number * Boots / Cuts
                )
            );
        }
        points.Add(new(Cuts, recorded.To, Torn: false, Booted: true));
        return points;
    }

    private async Task SurvivesAsync(
        string to,
        Func<ScratchFolder, CancellationToken, Task<SeedDisk>> stick,
        string bundle
    )
    {
        var ct = TestContext.Current.CancellationToken;
        using var folder = new ScratchFolder();
        var installed = await InstalledAsync(folder, ct);
        var recorded = await RecordUpgradeAsync(installed, folder, await stick(folder, ct), bundle, ct);
        var points = PointsOf(recorded);
        output.WriteLine(
            $"The upgrade: flushes {recorded.From} to {recorded.To}, of which {points.DistinctBy(p => p.Flush).Count()} "
                + $"are tried, {points.Count(p => p.Booted)} by a whole machine; {recorded.Visits.Count} visits during it; "
                + $"seed {Seed}"
        );

        // Two replays, and two machines: each takes every other point, in order.
        var outcomes = await Task.WhenAll(
            Enumerable
                .Range(0, 2)
                .Select(lane =>
                    TryAsync(installed, recorded, folder[$"lane{lane}"], points.Where(p => p.Number % 2 == lane), ct)
                )
        );

        var all = outcomes.SelectMany(o => o).OrderBy(o => o.Point.Number).ToList();
        foreach (var version in all.GroupBy(o => o.Version).OrderBy(g => g.Key, StringComparer.Ordinal))
            output.WriteLine($"{version.Count()} of {all.Count} came back with {version.Key}");
        Assert.Equal(points, all.Select(o => o.Point));
        // The old release before the upgrade began, the new one since it was reported done, and one change in between.
        var intact = all.Where(o => !o.Point.Torn).ToList();
        Assert.Equal("1.0.0", intact[0].Version);
        Assert.Equal(to, intact[^1].Version);
        Assert.All(all, o => Assert.Contains(o.Version, (string[])["1.0.0", to]));
        var back = intact.SkipWhile(o => o.Version != to).FirstOrDefault(o => o.Version != to);
        Assert.True(
            back is null,
            $"flush {back?.Point.Flush} came back with {back?.Version}, and one before with {to}"
        );
    }

    private async Task<DiskImage> InstalledAsync(ScratchFolder folder, CancellationToken ct)
    {
        var disk = await image.Disk.OverlayAsync(folder["installed.qcow2"], ct);
        await using var machine = await Machine.StartAsync(disk, new() { Forward = [80] }, ct);
        await machine.WaitForPageAsync(ct);
        await machine.Console.LoginAsync(ct);
        await machine.WaitUntilWellAsync(ct);
        await machine.ShutDownAsync(ct);
        machine.Succeeded();
        return disk;
    }

    private static async Task<Recording> RecordUpgradeAsync(
        DiskImage installed,
        ScratchFolder folder,
        SeedDisk seed,
        string bundle,
        CancellationToken ct
    )
    {
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
        var visits = new List<(long Number, long Length)>();
        visits.Add(((await machine.WaitForPageAsync(ct)).Visits, LengthOf(machine.WriteLogPath)));
        var from = LengthOf(machine.WriteLogPath);
        // They go on all the while.
        using var upgraded = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var visiting = VisitAsync(machine, visits, upgraded.Token);
        long to;
        try
        {
            await machine.DoAsync($"appliancectl upgrade --bundle /run/seed/{bundle} --yes", ct, Appliance.Patience);
            to = LengthOf(machine.WriteLogPath);
            await machine.WaitUntilWellAsync(ct);
        }
        finally
        {
            await upgraded.CancelAsync();
        }
        await visiting;
        await machine.QuitAsync(ct);
        Assert.True(visits.Count > 1, "no visit was acknowledged during the upgrade");
        var log = folder["writes.log"];
        File.Move(machine.WriteLogPath, log);
        machine.Succeeded();
        var flushes = FlushesOf(log);
        return new(
            log,
            FlushesWithin(flushes, from),
            FlushesWithin(flushes, to),
            [.. visits.Select(v => new Visit(v.Number, FlushesWithin(flushes, v.Length)))]
        );
    }

    /// <summary>
    /// Visits the page about once a second. The counter has a visit on its disk before it answers, so that the flush which
    /// did that lies within what the log is long by then.
    /// </summary>
    private static async Task VisitAsync(Machine machine, List<(long Number, long Length)> visits, CancellationToken ct)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromSeconds(1), TimeProvider.System);
        try
        {
            while (await pace.WaitForNextTickAsync(ct))
            {
                // Counted here: the page may count one that it could not acknowledge.
                if (await machine.VisitAsync(ct) is not null)
                    visits.Add((visits[^1].Number + 1, LengthOf(machine.WriteLogPath)));
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The upgrade has ended.
        }
    }

    private static long LengthOf(string path) => new FileInfo(path).Length;

    /// <summary>Where in the log each flush ends.</summary>
    private static List<long> FlushesOf(string path)
    {
        using var log = WriteLog.Open(path, long.MaxValue);
        return [.. log.Entries().Where(e => e.IsFlush).Select(e => e.Data)];
    }

    // A request ends only once it is in the log: its end lies within the length that the log has then.
    private static int FlushesWithin(List<long> flushes, long length) => flushes.Count(end => end <= length);

    private async Task<List<Outcome>> TryAsync(
        DiskImage installed,
        Recording recorded,
        string folder,
        IEnumerable<Point> points,
        CancellationToken ct
    )
    {
        var outcomes = new List<Outcome>();
        using var replay = await Replay.StartAsync(installed, recorded.Log, folder, ct);
        foreach (var point in points)
        {
            using var disk = point.Torn
                ? await replay.TornAsync(point.Flush, Seed + point.Number, ct)
                : await replay.AsOfFlushAsync(point.Flush, ct);
            // A torn disk may hold more, and never less.
            var acknowledged = recorded.Visits.LastOrDefault(v => v.Flush <= point.Flush)?.Number ?? 0;
            try
            {
                var version = await ComeUpAsync(disk, Path.Combine(folder, "userland"), acknowledged, ct);
                outcomes.Add(new(point, version));
                if (point.Booted)
                    Assert.Equal(version, await BootAsync(disk, acknowledged, ct));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new MachineException($"The disk {disk} (point {point.Number}): {e.Message}", e);
            }
            output.WriteLine(
                $"{TimeProvider.System.GetUtcNow():HH:mm:ss} {point.Number, 3} {disk}, {acknowledged} visits: "
                    + $"{outcomes[^1].Version}{(point.Booted ? ", and booted" : "")}"
            );
        }
        return outcomes;
    }

    private static async Task<string> ComeUpAsync(
        DiskPoint point,
        string folder,
        long acknowledged,
        CancellationToken ct
    )
    {
        await using var userland = await Userland.StartAsync(point.Disk, folder, ct);
        var page = await userland.WaitForPageAsync(ct);
        Assert.True(page.Visits > acknowledged, $"{page.Visits} visits, and {acknowledged} were acknowledged");
        var status = await userland.WaitUntilWellAsync(ct);
        var version = Settled(await userland.WaitForPageAsync(ct), status);
        await userland.WaitForAgentAsync(IsOfImage(version), ct);
        return version;
    }

    private static async Task<string> BootAsync(DiskPoint point, long acknowledged, CancellationToken ct)
    {
        await using var machine = await Machine.StartAsync(point.Disk, new() { Forward = [80], Cpus = 1 }, ct);
        var page = await machine.WaitForPageAsync(ct);
        Assert.True(page.Visits > acknowledged, $"{page.Visits} visits, and {acknowledged} were acknowledged");
        // What the journal still has to do is done, and then agent, engine and application agree.
        await machine.Console.LoginAsync(ct);
        var status = await machine.WaitUntilWellAsync(ct);
        var version = Settled(await machine.WaitForPageAsync(ct), status);
        await machine.WaitForAgentAsync(IsOfImage(version), ct);
        machine.Succeeded();
        return version;
    }

    // The agent belongs to the release.
    private static bool IsOfImage(string version) => version != WithAgent;

    private static string Settled(Page page, JsonNode status)
    {
        Assert.Equal(Appliance.ReleaseOf(status), page.Version);
        return page.Version;
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
            ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)
            : otherwise;
}
