using Appliance.Agent.Host;

namespace Appliance.Agent.Healing;

internal enum DiskLevel
{
    Enough,

    /// <summary>People are told, and what nothing needs is given back.</summary>
    Low,

    /// <summary>Nearly full: the reserve is given back.</summary>
    High,
}

/// <summary>When a disk is getting full. Pure.</summary>
internal static class Watermarks
{
    private const long Mebibyte = 1024 * 1024;

    // Left only well below: a disk at the edge would else tell of itself again and again.
    private const int PercentBelow = 5;
    private const double TimesFree = 1.25;

    /// <param name="before">Its level at the last look.</param>
    public static DiskLevel LevelOf(DiskSpace space, DiskOptions set, DiskLevel before) =>
        IsAt(space, set.HighWatermark, set.HighFree, before >= DiskLevel.High) ? DiskLevel.High
        : IsAt(space, set.LowWatermark, set.LowFree, before >= DiskLevel.Low) ? DiskLevel.Low
        : DiskLevel.Enough;

    /// <summary>Whether a file may be made that takes so much, and the disk has clearly enough all the same.</summary>
    public static bool HasRoomFor(long bytes, DiskSpace space, DiskOptions set) =>
        LevelOf(space with { FreeBytes = space.FreeBytes - bytes }, set, DiskLevel.High) is DiskLevel.Enough;

    /// <summary>0 to 100, rounded down: a disk is full when it is.</summary>
    public static int PercentUsed(DiskSpace space) =>
        space.TotalBytes <= 0 ? 0 : (int)(100 * (decimal)(space.TotalBytes - space.FreeBytes) / space.TotalBytes);

    private static bool IsAt(DiskSpace space, int percent, int free, bool stands) =>
        PercentUsed(space) >= percent - (stands ? PercentBelow : 0)
        && space.FreeBytes < free * Mebibyte * (stands ? TimesFree : 1);
}
