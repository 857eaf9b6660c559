using Appliance.Agent.Healing;
using Appliance.Agent.Host;

namespace Appliance.Agent.Tests.Healing;

public sealed class WatermarksTests
{
    private const long Mebibyte = 1024 * 1024;

    private static readonly DiskOptions Set = new()
    {
        LowWatermark = 80,
        LowFree = 400,
        HighWatermark = 90,
        HighFree = 80,
    };

    [Theory]
    // Of 1000 MiB: by per cent used, and never with so much free.
    [InlineData(1000, 500, nameof(DiskLevel.Enough), nameof(DiskLevel.Enough))]
    [InlineData(1000, 201, nameof(DiskLevel.Enough), nameof(DiskLevel.Enough))]
    [InlineData(1000, 200, nameof(DiskLevel.Enough), nameof(DiskLevel.Low))]
    [InlineData(1000, 100, nameof(DiskLevel.Enough), nameof(DiskLevel.Low))]
    [InlineData(1000, 79, nameof(DiskLevel.Enough), nameof(DiskLevel.High))]
    [InlineData(100_000, 400, nameof(DiskLevel.Enough), nameof(DiskLevel.Enough))]
    [InlineData(100_000, 399, nameof(DiskLevel.Enough), nameof(DiskLevel.Low))]
    // What stands is left well below only.
    [InlineData(1000, 240, nameof(DiskLevel.Low), nameof(DiskLevel.Low))]
    [InlineData(1000, 260, nameof(DiskLevel.Low), nameof(DiskLevel.Enough))]
    [InlineData(100_000, 450, nameof(DiskLevel.Low), nameof(DiskLevel.Low))]
    [InlineData(1000, 99, nameof(DiskLevel.High), nameof(DiskLevel.High))]
    [InlineData(1000, 100, nameof(DiskLevel.High), nameof(DiskLevel.Low))]
    public void A_disk_is_at_a_level_by_what_is_used_and_by_what_is_free(
        int size,
        int free,
        string before,
        string now
    ) => Assert.Equal(now, $"{Watermarks.LevelOf(Of(size, free), Set, Enum.Parse<DiskLevel>(before))}");

    [Fact]
    public void A_reserve_is_taken_only_where_that_leaves_clearly_enough()
    {
        Assert.True(Watermarks.HasRoomFor(100 * Mebibyte, Of(1000, 351), Set));
        Assert.False(Watermarks.HasRoomFor(100 * Mebibyte, Of(1000, 349), Set));
        Assert.False(Watermarks.HasRoomFor(100 * Mebibyte, Of(1000, 50), Set));
    }

    private static DiskSpace Of(long size, long free) => new(free * Mebibyte, null) { TotalBytes = size * Mebibyte };
}
