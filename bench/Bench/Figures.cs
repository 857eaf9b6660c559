using System.Diagnostics;
using System.Globalization;

namespace Appliance.Bench;

/// <summary>Medians, and what the kernel says of a process.</summary>
internal static class Figures
{
    private const double MillisecondsPerTick = 10;

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Runs something so many times, one after the other, and returns the median of how long it took, in ms.</summary>
    public static async Task<double> MedianAsync(int rounds, Func<Task<TimeSpan>> round)
    {
        var took = new List<double>();
        for (var i = 0; i < rounds; i++)
            took.Add((await round()).TotalMilliseconds);
        return Median(took);
    }

    /// <summary>Resident and anonymous memory, in MB of 1024 * 1024 bytes.</summary>
    public static (double Resident, double Anonymous) Memory(Process process)
    {
        var lines = File.ReadLines($"/proc/{process.Id}/smaps_rollup").ToList();
        return (Of("Rss:"), Of("Anonymous:"));

        double Of(string key) => Megabytes(lines.Single(l => l.StartsWith(key, StringComparison.Ordinal)));
    }

    /// <summary>The most memory that was resident since the start or <see cref="ForgetPeak"/>, in MB; 0 of one that has ended.</summary>
    public static double PeakMemory(Process process)
    {
        try
        {
            // Empty, and not gone, while nobody has reaped it.
            return
                File.ReadLines($"/proc/{process.Id}/status")
                    .FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal))
                    is { } line
                ? Megabytes(line)
                : 0;
        }
        catch (IOException)
        {
            return 0;
        }
    }

    /// <summary>Lets the kernel count the peak anew, from what is resident now.</summary>
    public static void ForgetPeak(Process process) => File.WriteAllText($"/proc/{process.Id}/clear_refs", "5");

    /// <summary>Processor time that a process has used since it started, by all of its threads, in ms.</summary>
    public static double ProcessorTime(Process process)
    {
        var stat = File.ReadAllText($"/proc/{process.Id}/stat");
        // The name in parentheses may hold blanks; utime and stime are the 12th and 13th field after it.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (Ticks(11) + Ticks(12)) * MillisecondsPerTick;

        double Ticks(int field) => double.Parse(fields[field], CultureInfo.InvariantCulture);
    }

    // As the kernel writes them: "VmHWM:     12345 kB".
    private static double Megabytes(string line) =>
        double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
}
