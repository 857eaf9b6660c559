namespace Appliance.Agent.Healing;

/// <summary>What a folder is on, as the kernel's table of mounts has it.</summary>
/// <param name="Point">Where it is mounted.</param>
/// <param name="Options">As it is mounted for whoever reads the table.</param>
/// <param name="DiskOptions">As the file system itself is, for everybody.</param>
internal sealed record MountEntry(string Point, IReadOnlyList<string> Options, IReadOnlyList<string> DiskOptions)
{
    /// <summary>Which file system it is: the same one may be mounted in several places.</summary>
    public string Device { get; init; } = "";

    /// <summary>Whether the file system takes no writes, whoever writes.</summary>
    // A sandbox mounts what it keeps from being written read-only for the agent alone: that is nobody's trouble.
    public bool IsReadOnly => DiskOptions.Contains("ro");
}

/// <summary>Reads <c>/proc/self/mountinfo</c>. Pure.</summary>
internal static class MountTable
{
    /// <returns>The mount that a path is on; null when the table does not say.</returns>
    public static MountEntry? EntryOf(string table, string path) =>
        table
            .Split('\n')
            .Select(Parse)
            .OfType<MountEntry>()
            .Where(m => IsBelow(path, m.Point))
            // Of two on the same point the later one is what is seen.
            .Aggregate((MountEntry?)null, (best, m) => best is null || m.Point.Length >= best.Point.Length ? m : best);

    private static MountEntry? Parse(string line)
    {
        // 36 35 98:0 /root /point rw,noatime master:1 - ext4 /dev/sda1 rw,errors=remount-ro
        var fields = line.Split(' ');
        var dash = Array.IndexOf(fields, "-");
        return fields.Length > 6 && dash > 0 && fields.Length > dash + 3
            ? new MountEntry(Unescape(fields[4]), fields[5].Split(','), fields[dash + 3].Split(','))
            {
                Device = fields[2],
            }
            : null;
    }

    private static bool IsBelow(string path, string point) =>
        point == "/"
        || path == point
        || (path.StartsWith(point, StringComparison.Ordinal) && path[point.Length] == '/');

    // Blanks and the like are three octal digits.
    private static string Unescape(string text) =>
        text.Replace(@"\040", " ", StringComparison.Ordinal)
            .Replace(@"\011", "\t", StringComparison.Ordinal)
            .Replace(@"\012", "\n", StringComparison.Ordinal)
            .Replace(@"\134", @"\", StringComparison.Ordinal);
}
