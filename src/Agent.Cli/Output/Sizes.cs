namespace Appliance.Cli.Output;

/// <summary>Numbers of bytes as a person says them, in powers of 1000 as disks are sold. Exact ones are in the JSON.</summary>
internal static class Sizes
{
    private static readonly string[] Units = ["kB", "MB", "GB", "TB", "PB", "EB"];

    /// <summary>"1.5 GB", "120 MB", "17 bytes".</summary>
    public static string Of(long bytes)
    {
        if (bytes is > -1000 and < 1000)
            return $"{bytes} bytes";

        var value = bytes / 1000.0;
        var unit = 0;
        // 999.6 would be printed as 1000.
        while (Math.Abs(value) >= 999.5 && unit < Units.Length - 1)
        {
            value /= 1000;
            unit++;
        }
        return Math.Abs(value) < 9.95 ? $"{value:0.0} {Units[unit]}" : $"{value:0} {Units[unit]}";
    }

    /// <summary>"1.2 GB of 3.4 GB, 35 %"; a total that is not known is left out.</summary>
    public static string Part(long done, long total) =>
        total <= 0 ? Of(done) : $"{Of(done)} of {Of(total)}, {(int)(100.0 * Math.Clamp(done, 0, total) / total)} %";
}
