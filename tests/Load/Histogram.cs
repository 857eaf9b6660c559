using System.Numerics;

namespace Appliance.Load;

/// <summary>
/// Counts of times in microseconds, in buckets that are nowhere wider than a sixty-fourth of what they hold: what one is
/// asked for is exact to 1.6 %.
/// </summary>
internal sealed class Histogram
{
    private const int Exact = 128;
    private const int Half = Exact / 2;

    // Up to 2^37 µs, which is more than a day.
    private readonly int[] counts = new int[(30 * Half) + Exact];
    private long max;

    public long Count { get; private set; }

    public TimeSpan Max => FromMicroseconds(max);

    public void Add(TimeSpan time)
    {
        var value = Math.Max(0, time.Ticks / TimeSpan.TicksPerMicrosecond);
        counts[Math.Min(IndexOf(value), counts.Length - 1)]++;
        max = Math.Max(max, value);
        Count++;
    }

    /// <summary>The time that so large a share did not exceed; zero when there is none.</summary>
    public TimeSpan Quantile(double share)
    {
        var rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (var i = 0; i < counts.Length; i++)
        {
            seen += counts[i];
            if (seen >= rank)
                return FromMicroseconds(Math.Min(HighestOf(i), max));
        }
        return TimeSpan.Zero;
    }

    internal static int IndexOf(long value)
    {
        if (value < Exact)
            return (int)value;
        var shift = BitOperations.Log2((ulong)value) - BitOperations.Log2(Half);
        return (shift * Half) + (int)(value >> shift);
    }

    internal static long HighestOf(int index)
    {
        if (index < Exact)
            return index;
        var shift = (index / Half) - 1;
        return ((index % Half) + Half + 1L << shift) - 1;
    }

    private static TimeSpan FromMicroseconds(long value) => new(value * TimeSpan.TicksPerMicrosecond);
}
