using System.Diagnostics;
using System.Globalization;
using Appliance.Testing;
using Appliance.Tests.Disks;
using Appliance.Tests.Machines;

namespace Appliance.Tests;

/// <summary>No machine outlives its test. Needs no image: the firmware of an empty machine is enough.</summary>
public sealed class OrphanTests
{
    private const string Place = "APPLIANCE_TEST_ORPHAN";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_machine_ends_with_the_process_that_started_it_even_if_that_is_killed()
    {
        using var folder = new ScratchFolder();
        var start = new ProcessStartInfo(
            Environment.ProcessPath!,
            ["-noLogo", "-explicit", "only", "-method", $"*.{nameof(Holds_a_machine_until_it_is_killed)}"]
        )
        {
            RedirectStandardOutput = true,
        };
        start.Environment[Place] = folder.Path;
        start.Environment["TMPDIR"] = folder.Path;
        using var tests = Process.Start(start)!;
        string pid;
        try
        {
            pid = await Eventually.GetAsync("a machine runs", Pid, Ct, TimeSpan.FromSeconds(60));
            Assert.Equal("qemu-system-x86", (await File.ReadAllTextAsync($"/proc/{pid}/comm", Ct)).Trim()[..15]);
        }
        finally
        {
            tests.Kill();
        }
        await Eventually.TrueAsync("QEMU ends", () => !Runs(pid), Ct);

        async Task<string?> Pid(CancellationToken ct)
        {
            Assert.False(tests.HasExited, "the tests ended");
            return File.Exists(folder["pid"]) ? await File.ReadAllTextAsync(folder["pid"], ct) : null;
        }
    }

    [Fact(Explicit = true)]
    public async Task Holds_a_machine_until_it_is_killed()
    {
        var place =
            Environment.GetEnvironmentVariable(Place) ?? throw new InvalidOperationException($"{Place} is not set");
        await File.WriteAllBytesAsync(place + "/empty.raw", new byte[1 << 20], Ct);
        await using var machine = await Machine.StartAsync(DiskImage.Raw(place + "/empty.raw"), new(), Ct);
        await File.WriteAllTextAsync(place + "/pid.new", machine.Pid.ToString(CultureInfo.InvariantCulture), Ct);
        File.Move(place + "/pid.new", place + "/pid");
        await machine.WaitForOffAsync(Ct);
    }

    private static bool Runs(string pid)
    {
        try
        {
            return !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
