using Appliance.Agent.Healing;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Tests.Storage;
using Appliance.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Healing;

/// <summary>On a disk of 32 MiB, of which 4 are a reserve.</summary>
public sealed class DiskAlarmsTests : IDisposable
{
    private const int Mebibyte = 1024 * 1024;

    private readonly ScratchFolder folder = new();
    private readonly SmallDisk disk;
    private readonly OpenState state;
    private readonly DiskAlarms alarms;
    private int collected;

    public DiskAlarmsTests()
    {
        disk = new SmallDisk(folder["disk"], 32 * 1024);
        state = new ScratchState(disk.Path).Open();
        alarms = new DiskAlarms(
            new ReserveFile(Options.Create(new StorageOptions { DataDirectory = disk.Path })),
            state.Database,
            state.Events,
            new Settings(
                new DiskOptions
                {
                    LowWatermark = 60,
                    HighWatermark = 90,
                    Reserve = 4,
                }
            ),
            () => collected++,
            NullLogger<DiskAlarms>.Instance
        );
    }

    public void Dispose()
    {
        state.Dispose();
        disk.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void A_disk_that_fills_up_is_told_of_twice_gives_its_reserve_back_and_takes_it_again()
    {
        Look();
        Assert.Equal(["disk.reserve-made"], Events());
        Assert.Equal(4 * Mebibyte, alarms.ReservedBytes);

        disk.Fill(leaving: 10 * Mebibyte);
        Look();
        Look();
        Assert.Equal(["disk.reserve-made", "disk.low"], Events());
        Assert.Equal((1, DiskLevel.Low), (collected, Assert.Single(alarms.Disks).Level));
        Assert.Equal(4 * Mebibyte, alarms.ReservedBytes);

        disk.Fill(leaving: Mebibyte);
        Look();
        Assert.Equal(["disk.reserve-made", "disk.low", "disk.high", "disk.reserve-given-back"], Events());
        Assert.Equal((2, 0L), (collected, alarms.ReservedBytes));
        Assert.True(DiskSpace.Of(disk.Path)!.Value.FreeBytes > 4 * Mebibyte);

        // Enough for the reserve, and not for the disk to have clearly enough with it.
        Look();
        Assert.Equal(0, alarms.ReservedBytes);

        disk.Free();
        Look();
        Assert.Equal(["disk.recovered", "disk.reserve-made"], Events().TakeLast(2));
        Assert.Equal((2, 4L * Mebibyte), (collected, alarms.ReservedBytes));
        Assert.Equal(DiskLevel.Enough, Assert.Single(alarms.Disks).Level);
    }

    [Fact]
    public void What_cannot_be_written_down_takes_the_reserve_at_once_and_that_is_told()
    {
        Look();
        disk.Fill();

        // What is preallocated for SQLite is used up first.
        for (var i = 0; i < 2000 && state.Database.ReservesUsed.Count == 0; i++)
            Assert.NotEqual(0, state.Events.Append(Samples.Event(new string('x', 2000))));
        Look();

        Assert.Equal((1, 4L * Mebibyte), state.Database.ReservesUsed);
        Assert.Contains("disk.reserve-given-back", Events());
    }

    [Fact]
    public void A_state_that_cannot_be_opened_for_want_of_space_is_opened_with_the_reserve()
    {
        Look();
        state.Dispose();
        disk.Fill();

        using var again = new ScratchState(disk.Path).Open();

        Assert.Null(again.Database.NotDurableBecause);
        Assert.NotEqual(0, again.Events.Append(Samples.Event("after")));
    }

    [Fact]
    public void Two_folders_on_one_disk_are_one_and_a_folder_elsewhere_is_another()
    {
        Directory.CreateDirectory(disk.Path + "/engine");

        alarms.Look(disk.Path, disk.Path + "/engine");
        Assert.Equal(["state and engine"], alarms.Disks.Select(d => d.Name));

        alarms.Look(disk.Path, folder.Path);
        Assert.Equal(["state", "engine"], alarms.Disks.Select(d => d.Name));
    }

    private void Look() => alarms.Look(disk.Path, engine: null);

    private IEnumerable<string> Events() =>
        state
            .Events.After(0, 10_000, null)
            .Select(e => e.Kind)
            .Where(k => k.StartsWith("disk.", StringComparison.Ordinal));

    private sealed class Settings(DiskOptions value) : IOptionsMonitor<DiskOptions>
    {
        public DiskOptions CurrentValue => value;

        public DiskOptions Get(string? name) => value;

        public IDisposable? OnChange(Action<DiskOptions, string?> listener) => null;
    }
}
