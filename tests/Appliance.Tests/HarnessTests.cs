using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Appliance.Testing;
using Appliance.Tests.Disks;
using Appliance.Tests.Machines;
using Appliance.Tests.WriteLogs;

namespace Appliance.Tests;

/// <summary>That the harness does what the other tests rely on.</summary>
[Trait("Category", "Long")]
public sealed partial class HarnessTests(ApplianceImage image) : IClassFixture<ApplianceImage>
{
    private const int Limit = 30 * 60_000;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact(Timeout = Limit)]
    public async Task A_command_on_the_guest_returns_its_exit_code_and_its_bytes_whatever_else_is_printed()
    {
        await using var machine = await Machine.StartAsync(image.Overlay(), new(), Ct);
        await machine.Console.LoginAsync(Ct);

        var ran = await machine.Console.RunAsync("head -c 100000 /dev/zero; printf '\\377'; echo why >&2; exit 3", Ct);
        Assert.Equal(3, ran.ExitCode);
        Assert.Equal([.. new byte[100000], 0xff], ran.Output);
        Assert.Equal("why\n", ran.Errors);

        // Lines of the kernel land within those of the command.
        await machine.Console.RunAsync(
            "(for i in $(seq 200); do echo noise $i >/dev/kmsg; sleep 0.02; done) >/dev/null 2>&1 &",
            Ct
        );
        ran = await machine.Console.RunAsync($"# {new string('x', 5000)}\nseq 1000", Ct);
        Assert.Equal(string.Concat(Enumerable.Range(1, 1000).Select(i => $"{i}\n")), ran.Text);

        var late = await Assert.ThrowsAsync<MachineException>(() =>
            machine.Console.RunAsync("echo soon late >/dev/console; sleep 1000", Ct, TimeSpan.FromSeconds(5))
        );
        Assert.Contains("soon late", late.Message);
        Assert.Contains("artifacts/test-results/appliance/", late.Message);
        Assert.Equal("after", (await machine.Console.RunAsync("printf after", Ct)).Text);
    }

    [Fact(Timeout = Limit)]
    public async Task What_was_flushed_survives_the_power_and_files_come_and_go_on_the_seed_disk()
    {
        using var folder = new ScratchFolder();
        var content = RandomNumberGenerator.GetBytes(3_000_000);
        await File.WriteAllBytesAsync(folder["in"], content, Ct);
        var seed = await SeedDisk.CreateAsync(
            folder["seed"],
            new Dictionary<string, string> { ["some/folder/file.bin"] = folder["in"] },
            Ct
        );
        await using var machine = await Machine.StartAsync(image.Overlay(), new() { Seed = seed }, Ct);
        await machine.Console.LoginAsync(Ct);
        (
            await machine.Console.RunAsync(
                $"""
                set -e
                mkdir -p /mnt/seed; mount {SeedDisk.Device} /mnt/seed
                sha256sum </mnt/seed/some/folder/file.bin | cut -c -64 >/mnt/seed/sum; umount /mnt/seed
                echo kept >/data/kept; logger harness was here; journalctl --sync; sync
                """,
                Ct
            )
        ).Succeeded();

        await machine.RebootAsync(Ct);
        await machine.Console.LoginAsync(Ct);
        Assert.Equal("kept\n", (await machine.Console.RunAsync("cat /data/kept", Ct)).Text);

        await machine.CutPowerAsync(Ct);
        Assert.False(machine.IsOn);
        Assert.Equal(
            Convert.ToHexStringLower(SHA256.HashData(content)) + "\n",
            Encoding.ASCII.GetString((await seed.ReadAsync("sum", Ct))!)
        );
        Assert.Contains("harness was here", await machine.JournalAsync(Ct));
        await machine.Disk.CheckAsync(Ct);
        var data = await machine.Disk.ExtractPartitionAsync(3, folder["data"], Ct);
        Assert.Null(await data.RecoverAsync(Ct));
        Assert.Equal("kept\n", Encoding.ASCII.GetString((await data.ReadAsync("/kept", Ct))!));

        await machine.PowerOnAsync(Ct);
        await machine.Console.LoginAsync(Ct);
        Assert.Equal("kept\n", (await machine.Console.RunAsync("cat /data/kept", Ct)).Text);
        await machine.ShutDownAsync(Ct);
    }

    [Fact(Timeout = Limit)]
    public async Task A_disk_rebuilt_from_the_log_of_its_writes_boots()
    {
        using var folder = new ScratchFolder();
        int before;
        int after;
        await using (var recorded = await Machine.StartAsync(image.Overlay(), new() { LogWrites = true }, Ct))
        {
            await recorded.Console.LoginAsync(Ct);
            before = recorded.Writes().Flushes;
            (
                await recorded.Console.RunAsync(
                    "for i in 1 2 3; do echo $i >/data/new; mv /data/new /data/number; sync; done",
                    Ct
                )
            ).Succeeded();
            after = recorded.Writes().Flushes;
            await recorded.RebootAsync(Ct);
            await recorded.Console.LoginAsync(Ct);
            await recorded.QuitAsync(Ct);
            File.Copy(recorded.WriteLogPath, folder["log"]);
        }

        using var replay = await Replay.StartAsync(image.Disk, folder["log"], folder["replay"], Ct);
        var seen = new List<string>();
        // Two more than were seen while the log was being written: it may have been looked at in the middle of an entry.
        for (var flush = before; flush <= after + 2; flush++)
        {
            using var point = await replay.TornAsync(flush, seed: flush, Ct);
            var data = await point.Disk.ExtractPartitionAsync(3, folder["data"], Ct);
            var damage = await data.RecoverAsync(Ct);
            Assert.True(damage is null, $"{point}: {damage}");
            seen.Add(Encoding.ASCII.GetString(await data.ReadAsync("/number", Ct) ?? "-"u8.ToArray()).Trim());
        }
        // No file, an empty one, and then each content: the last of them is there, and none comes back.
        string[] order = ["-", "", "1", "2", "3"];
        var steps = seen.ConvertAll(content => Array.IndexOf(order, content));
        Assert.True(
            steps.TrueForAll(step => step >= 0) && steps.SequenceEqual(steps.Order()),
            $"not in order: {string.Join(", ", seen)}"
        );
        Assert.Equal("3", seen[^1]);

        using var last = await replay.TornAsync(after + 2, seed: 1, Ct);
        await using var machine = await Machine.StartAsync(last.Disk, new(), Ct);
        await machine.Console.LoginAsync(Ct);
    }

    [Fact(Timeout = Limit)]
    public async Task The_console_tells_when_the_machine_goes_off()
    {
        await using var machine = await Machine.StartAsync(image.Overlay(), new(), Ct);
        var waiting = machine.Console.WaitForAsync(Never(), Ct);
        await machine.CutPowerAsync(Ct);
        Assert.Contains("is off", (await Assert.ThrowsAsync<MachineException>(() => waiting)).Message);
    }

    [GeneratedRegex("never printed", RegexOptions.NonBacktracking)]
    private static partial Regex Never();
}
