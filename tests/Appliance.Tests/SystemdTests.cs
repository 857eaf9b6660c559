using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Appliance.Testing;
using Appliance.Tests.Machines;

namespace Appliance.Tests;

/// <summary>The unit and the agent under the systemd of a booted machine.</summary>
[Trait("Category", "Long")]
public sealed partial class SystemdTests(ApplianceImage image) : IClassFixture<ApplianceImage>
{
    private const int Limit = 30 * 60_000;

    private const string Pid = "systemctl show --property MainPID --value appliance-agent";

    [Fact(Timeout = Limit)]
    public async Task Containers_run_on_while_agent_and_engine_are_killed()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var machine = await BootAsync(ct);
        var before = await machine.StartTimesAsync(ct);
        Assert.Equal(2, before.Count);
        var visits = (await machine.WaitForPageAsync(ct)).Visits;

        foreach (var victims in new[] { "appliance-agent", "docker", "docker appliance-agent" })
        {
            var killed = await PidsAsync(machine, victims, ct);
            await machine.DoAsync($"systemctl kill --kill-whom=main --signal=KILL {victims}", ct);
            await Eventually.TrueAsync(
                $"systemd has {victims} back",
                async t => (await PidsAsync(machine, victims, t)).Zip(killed).All(p => IsAnother(p.First, p.Second)),
                ct,
                Appliance.Patience
            );
            // Joins the start that is under way.
            await machine.DoAsync($"systemctl start {victims}", ct, Appliance.Patience);
            await machine.WaitUntilWellAsync(ct);
            Assert.Equal(before, await machine.StartTimesAsync(ct));
            var page = await machine.WaitForPageAsync(ct);
            Assert.True(page.Visits > visits, $"{page.Visits} visits after {visits}");
            visits = page.Visits;
        }
    }

    [Fact(Timeout = Limit)]
    public async Task An_agent_that_hangs_is_killed_by_the_watchdog_and_comes_back()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var machine = await BootAsync(ct);
        var containers = await machine.StartTimesAsync(ct);
        var before = (await machine.DoAsync(Pid, ct)).Trim();

        await machine.DoAsync($"kill -STOP $({Pid})", ct);
        await Eventually.TrueAsync(
            "systemd has another agent",
            async t => IsAnother((await machine.DoAsync(Pid, t)).Trim(), before),
            ct,
            Appliance.Patience
        );

        Assert.Contains("Watchdog timeout", await JournalOfUnitAsync(machine, ct), StringComparison.Ordinal);
        await machine.WaitUntilWellAsync(ct);
        Assert.Equal(containers, await machine.StartTimesAsync(ct));
    }

    [Fact(Timeout = Limit)]
    public async Task The_agent_outlives_the_engine_says_that_it_is_gone_and_goes_on_when_it_is_back()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var machine = await BootAsync(ct);
        var containers = await machine.StartTimesAsync(ct);
        var agent = await machine.DoAsync(Pid, ct);

        await machine.DoAsync("systemctl stop docker.socket docker.service", ct);
        await EngineIsGoneAsync(machine, ct);
        Assert.Equal(agent, await machine.DoAsync(Pid, ct));
        await machine.DoAsync("systemctl start docker", ct, Appliance.Patience);
        await machine.WaitUntilWellAsync(ct);
        Assert.Equal(agent, await machine.DoAsync(Pid, ct));
        Assert.Equal(containers, await machine.StartTimesAsync(ct));

        // Its own start needs no engine either; masked, so that Wants= does not bring it.
        await machine.DoAsync("systemctl mask --runtime --now docker.service docker.socket", ct, Appliance.Patience);
        await machine.DoAsync("systemctl restart appliance-agent", ct, Appliance.Patience);
        await EngineIsGoneAsync(machine, ct);
        var restarted = await machine.DoAsync(Pid, ct);
        Assert.NotEqual(agent, restarted);
        await machine.DoAsync(
            "systemctl unmask --runtime docker.service docker.socket && systemctl start docker",
            ct,
            Appliance.Patience
        );
        await machine.WaitUntilWellAsync(ct);
        Assert.Equal(restarted, await machine.DoAsync(Pid, ct));
        Assert.Equal(containers, await machine.StartTimesAsync(ct));
    }

    [Fact(Timeout = Limit)]
    public async Task The_machine_goes_down_in_time_in_order_and_leaves_clean_file_systems()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var machine = await BootAsync(ct);
        await machine.ShutDownAsync(ct, TimeSpan.FromSeconds(90));

        var journal = await machine.JournalAsync(ct);
        Assert.Contains("appliance-agent.service: Deactivated successfully", journal, StringComparison.Ordinal);
        Assert.DoesNotContain("timed out", journal, StringComparison.Ordinal);
        Assert.DoesNotContain("Failed with result", journal, StringComparison.Ordinal);
        // The page before the counter that it needs.
        Assert.Collection(
            StoppedContainer().Matches(journal).Select(m => m.Groups["name"].Value),
            name => Assert.Contains("web", name, StringComparison.Ordinal),
            name => Assert.Contains("counter", name, StringComparison.Ordinal)
        );
        using var folder = new ScratchFolder();
        foreach (var partition in new[] { 2, 3 })
        {
            var volume = await machine.Disk.ExtractPartitionAsync(partition, folder[$"partition{partition}"], ct);
            Assert.False(volume.NeedsRecovery, $"partition {partition} was not unmounted");
            Assert.Null(await volume.RecoverAsync(ct));
        }

        // And what was stopped with the machine is started with it, with nothing held against it.
        await machine.PowerOnAsync(ct);
        await machine.WaitForPageAsync(ct);
        await machine.Console.LoginAsync(ct);
        var status = await machine.WaitUntilWellAsync(ct);
        foreach (var service in status["services"]!.AsArray())
            Assert.Equal(0, (int?)service!["restarts"] ?? 0);
        // What the agent stored on its way down is there after it.
        var events = await machine.DoAsync("appliancectl events -o json", ct);
        Assert.Equal(
            ["application.stopping", "application.stopped"],
            events
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => (string?)JsonNode.Parse(line)!["kind"])
                .Where(kind => kind is "application.stopping" or "application.stopped")
        );
    }

    [Fact(Timeout = Limit)]
    public async Task A_full_data_partition_keeps_neither_the_agent_from_answering_after_a_boot_nor_the_appliance_from_recovering()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var machine = await BootAsync(ct);
        // To the last block.
        await machine.DoAsync(
            "fallocate -l $(df --output=avail -B1 /data | tail -1) /data/filler; cat /dev/zero >/data/filler2; sync; true",
            ct,
            Appliance.Patience
        );
        Assert.Equal("0", (await machine.DoAsync("df --output=avail -B1 /data | tail -1", ct)).Trim());

        await machine.RebootAsync(ct);
        await machine.Console.LoginAsync(ct);
        // Whatever it says: its status names a full disk only where a service or its own state suffers from it, and what
        // starts at all on a full disk is not in its hands.
        await machine.WaitForStatusAsync("the agent answers on a full disk", _ => true, ct);

        await machine.DoAsync("rm /data/filler /data/filler2; sync", ct);
        await machine.WaitUntilWellAsync(ct);
        Assert.Equal("1.0.0", (await machine.WaitForPageAsync(ct)).Version);
    }

    [Theory(Timeout = Limit)]
    // A board that has lost its clock, and one that is later than all that was signed is valid. (One that is more than 15 years
    // ahead of the image systemd puts back by itself.)
    [InlineData("2001-01-01")]
    [InlineData("2040-01-01")]
    public async Task A_wrong_clock_keeps_nothing_that_is_installed_from_running(string day)
    {
        var ct = TestContext.Current.CancellationToken;
        var clock = DateTimeOffset.Parse(day, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
        using var folder = new ScratchFolder();
        var seed = await Appliance.BundlesAsync(folder, ct);
        // Installed while the clock was right.
        var disk = await image.Disk.OverlayAsync(folder["disk.qcow2"], ct);
        await using (var right = await Machine.StartAsync(disk, new() { Forward = [80] }, ct))
        {
            await right.WaitForPageAsync(ct);
            await right.Console.LoginAsync(ct);
            await right.WaitUntilWellAsync(ct);
            await right.ShutDownAsync(ct);
            right.Succeeded();
        }

        await using var machine = await Machine.StartAsync(
            disk,
            new()
            {
                Forward = [80],
                Clock = clock,
                Seed = seed,
            },
            ct
        );
        Assert.Equal("1.0.0", (await machine.WaitForPageAsync(ct)).Version);
        await machine.Console.LoginAsync(ct);
        await machine.WaitUntilWellAsync(ct);
        var year = int.Parse((await machine.DoAsync("date +%Y", ct)).Trim(), CultureInfo.InvariantCulture);
        // Never before the day that the image was made of.
        Assert.InRange(year, Math.Max(clock.Year, 2026), int.MaxValue);

        await machine.DoAsync($"mkdir -p /run/seed && mount -o ro {Disks.SeedDisk.Device} /run/seed", ct);
        var upgrade = await machine.Console.RunAsync(
            "appliancectl upgrade --bundle /run/seed/demo-2.0.0.bundle --yes",
            ct,
            Appliance.Patience
        );
        if (clock.Year < 2026)
        {
            Assert.Equal("2.0.0", (upgrade.Succeeded(), await machine.WaitForPageAsync(ct)).Item2.Version);
            return;
        }
        Assert.Equal(5, upgrade.ExitCode);
        Assert.Contains("expired", upgrade.Errors, StringComparison.Ordinal);
        Assert.Equal("1.0.0", (await machine.WaitForPageAsync(ct)).Version);
        await machine.WaitUntilWellAsync(ct);
    }

    [Fact(Timeout = Limit)]
    public async Task Without_its_data_partition_the_machine_says_so_and_tries_again_by_itself()
    {
        var ct = TestContext.Current.CancellationToken;
        using var folder = new ScratchFolder();
        var disk = await image.Disk.OverlayAsync(folder["disk.qcow2"], ct);
        var data = (await disk.PartitionsAsync(ct)).Single(p => p.Number == Disks.Journal.Partition);
        // Every copy of its superblock.
        await Tool.RunAsync("qemu-io", ["-f", disk.Format, "-c", $"write -z {data.Offset} {data.Size}", disk.Path], ct);
        await using var machine = await Machine.StartAsync(disk, new(), ct);

        await machine.Console.WaitForAsync(CouldNotStart(), ct);
        await machine.WaitForResetAsync(0, ct, TimeSpan.FromMinutes(8));
        await machine.Console.WaitForAsync(CouldNotStart(), ct);
        machine.Succeeded();
    }

    [Fact(Timeout = Limit)]
    public async Task Every_disaster_of_a_drill_is_recovered_from_in_time()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var machine = await BootAsync(ct);

        var drill = await machine.Console.RunAsync(
            "appliancectl drill --all --window 25m --yes --report /run/drill.md -o json >/run/drill.json",
            ct,
            TimeSpan.FromMinutes(28)
        );

        TestContext.Current.TestOutputHelper?.WriteLine(await machine.DoAsync("cat /run/drill.md", ct));
        drill.Succeeded();
        await machine.WaitUntilWellAsync(ct);
        Assert.Equal("1.0.0", (await machine.WaitForPageAsync(ct)).Version);
    }

    private async Task<Machine> BootAsync(CancellationToken ct)
    {
        var machine = await Machine.StartAsync(image.Overlay(), new() { Forward = [80] }, ct);
        try
        {
            await machine.WaitForPageAsync(ct);
            await machine.Console.LoginAsync(ct);
            await machine.WaitUntilWellAsync(ct);
            return machine;
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    private static Task<string> JournalOfUnitAsync(Machine machine, CancellationToken ct) =>
        machine.DoAsync("journalctl --boot --unit appliance-agent --no-pager", ct);

    private static Task<JsonNode> EngineIsGoneAsync(Machine machine, CancellationToken ct) =>
        machine.WaitForStatusAsync(
            "the agent says that the engine is gone",
            status => (bool?)status["engine"]?["reachable"] != true && (string?)status["health"] != "HEALTH_OK",
            ct
        );

    /// <summary>The process of each unit, "0" where there is none.</summary>
    private static async Task<string[]> PidsAsync(Machine machine, string units, CancellationToken ct) =>
        (await machine.DoAsync($"systemctl show --property MainPID --value {units}", ct)).Split(
            '\n',
            StringSplitOptions.RemoveEmptyEntries
        );

    private static bool IsAnother(string pid, string before) => pid != "0" && pid != before;

    [GeneratedRegex(
        @"could not start\. What failed:(?s:.*)data\.mount(?s:.*)It tries again",
        RegexOptions.NonBacktracking
    )]
    private static partial Regex CouldNotStart();

    [GeneratedRegex(@"The machine goes down: (?<name>\S+) stopped within", RegexOptions.NonBacktracking)]
    private static partial Regex StoppedContainer();
}
