using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Testing;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Tests.Storage;

public sealed class ReserveFileTests : IDisposable
{
    private const int Mebibyte = 1024 * 1024;

    private readonly ScratchFolder folder = new();
    private readonly SmallDisk disk;
    private readonly ReserveFile reserve;

    public ReserveFileTests()
    {
        disk = new SmallDisk(folder["disk"], 8 * 1024);
        reserve = new ReserveFile(Options.Create(new StorageOptions { DataDirectory = disk.Path }));
    }

    public void Dispose()
    {
        disk.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void It_takes_its_room_and_gives_it_back()
    {
        var before = Free();

        reserve.Make(4 * Mebibyte);
        Assert.Equal((4L * Mebibyte, before - 4 * Mebibyte), (reserve.Bytes, Free()));

        Assert.True(reserve.GiveBack());
        Assert.Equal((0L, before), (reserve.Bytes, Free()));
        Assert.False(reserve.GiveBack());
    }

    [Fact]
    public void Where_there_is_no_room_nothing_is_left_of_it()
    {
        var before = Free();

        Assert.ThrowsAny<IOException>(() => reserve.Make(16 * Mebibyte));

        Assert.Equal((0L, before), (reserve.Bytes, Free()));
    }

    private long Free() => DiskSpace.Of(disk.Path)!.Value.FreeBytes;
}
