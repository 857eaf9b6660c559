using Appliance.Agent.Healing;
using Appliance.Agent.Host;
using Appliance.Agent.Supervision;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Healing;

/// <summary>What counts as a trouble of the machine, and what not any more.</summary>
public sealed class CausesTests
{
    private const long Least = 64 * 1024 * 1024;

    private const string Table = """
        22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda2 rw
        30 22 254:1 / /data rw,nosuid shared:9 - ext4 /dev/vda3 rw,nodelalloc
        31 22 254:1 /docker /var/lib/docker ro,nosuid shared:9 - ext4 /dev/vda3 rw,nodelalloc
        32 22 254:2 / /mnt/with\040blank rw - ext4 /dev/vdb ro,errors=remount-ro
        33 22 254:3 / /data/over rw - tmpfs first rw
        34 33 254:4 / /data/over rw - tmpfs second ro
        """;

    private static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/var/lib/appliance-agent", "/", false)]
    [InlineData("/data/agent", "/data", false)]
    [InlineData("/database", "/", false)]
    // Read-only for the agent's sandbox alone.
    [InlineData("/var/lib/docker", "/var/lib/docker", false)]
    [InlineData("/mnt/with blank/x", "/mnt/with blank", true)]
    [InlineData("/data/over", "/data/over", true)]
    public void A_folder_is_on_the_last_mount_above_it(string folder, string point, bool isReadOnly)
    {
        var entry = MountTable.EntryOf(Table, folder)!;

        Assert.Equal((point, isReadOnly), (entry.Point, entry.IsReadOnly));
    }

    [Fact]
    public void The_kernel_s_own_table_is_understood() =>
        Assert.NotNull(MountTable.EntryOf(File.ReadAllText("/proc/self/mountinfo"), AppContext.BaseDirectory));

    [Fact]
    public void A_disk_is_full_below_its_least_and_not_any_more_well_above_it()
    {
        Assert.Null(Judge(Least, wasFull: false));
        Assert.Equal(Cause.DiskFull, Judge(Least - 1, wasFull: false)!.Cause);
        Assert.Equal(Cause.DiskFull, Judge(Least * 2 - 1, wasFull: true)!.Cause);
        Assert.Null(Judge(Least * 2, wasFull: true));

        static MachineProblem? Judge(long free, bool wasFull) =>
            DiskWatch.Judge("/data", null, null, new DiskSpace(free, 1000), Least, wasFull);
    }

    [Fact]
    public void A_disk_without_room_for_files_is_full_and_one_that_counts_none_is_not()
    {
        Assert.Equal(
            "the disk of /data takes no more files",
            DiskWatch.Judge("/data", null, null, new DiskSpace(Least, 0), Least, false)!.Sentence
        );
        Assert.Null(DiskWatch.Judge("/data", null, null, new DiskSpace(Least, null), Least, false));
        Assert.Null(DiskWatch.Judge("/data", null, null, space: null, Least, false));
    }

    [Fact]
    public void A_disk_that_takes_no_writes_is_read_only_whoever_says_so()
    {
        var entry = new MountEntry("/data", ["rw"], ["ro"]);
        Assert.Equal(Cause.DiskReadOnly, DiskWatch.Judge("/data", entry, null, null, Least, false)!.Cause);
        Assert.Equal(Cause.DiskReadOnly, DiskWatch.Judge("/data", null, "EROFS", null, Least, false)!.Cause);
    }

    [Fact]
    public void A_real_disk_tells_its_space()
    {
        using var folder = new ScratchFolder();

        Assert.True(DiskSpace.Of(folder["."]) is { FreeBytes: > 0 });
        Assert.Null(DiskSpace.Of(folder["nowhere"]));
    }

    [Fact]
    public void Memory_is_short_after_sign_upon_sign_and_until_there_is_none_for_a_while()
    {
        var second = TimeSpan.FromSeconds(1);
        var pressure = Pressure.None.On(true, Now).On(true, Now + 2 * second);
        Assert.False(pressure.Stands);

        pressure = pressure.On(true, Now + 4 * second);
        Assert.True(pressure.Stands);
        Assert.True(pressure.On(false, Now + 20 * second).Stands);
        Assert.False(pressure.On(false, Now + 34 * second).Stands);

        // Now and then is no trouble.
        var rare = Enumerable.Range(0, 100).Aggregate(Pressure.None, (p, i) => p.On(true, Now + i * 20 * second));
        Assert.False(rare.Stands);
    }

    [Fact]
    public void A_clock_that_was_set_tells_by_how_much_and_one_that_runs_tells_nothing()
    {
        var before = ClockState.At(Now, TimeSpan.FromHours(1));

        Assert.Null(before.JumpTo(ClockState.At(Now.AddHours(3), TimeSpan.FromHours(4))));
        Assert.Null(before.JumpTo(ClockState.At(Now.AddSeconds(10), TimeSpan.FromHours(1))));
        Assert.Equal(TimeSpan.FromDays(1), before.JumpTo(ClockState.At(Now.AddDays(1), TimeSpan.FromHours(1))));
        Assert.Equal(-TimeSpan.FromDays(1), before.JumpTo(ClockState.At(Now.AddDays(-1), TimeSpan.FromHours(1))));
    }

    [Fact]
    public async Task The_kernel_tells_when_the_table_of_mounts_changes()
    {
        using var kernel = new KernelPoll();
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        kernel.Watch(
            File.OpenHandle("/proc/self/mountinfo"),
            KernelPoll.Urgent | KernelPoll.Failing,
            () => told.TrySetResult()
        );

        using var folder = new ScratchFolder();
        using var disk = new SmallDisk(folder["disk"], 1024);

        await told.Task.WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System, Ct);
    }
}
