using System.Globalization;

namespace Grpc.Wire;

/// <summary>The <c>grpc-timeout</c> header: one to eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    private const long MaxValue = 99_999_999;

    private static readonly (char Unit, long Ticks)[] Units =
    [
        ('u', TimeSpan.TicksPerMicrosecond),
        ('m', TimeSpan.TicksPerMillisecond),
        ('S', TimeSpan.TicksPerSecond),
        ('M', TimeSpan.TicksPerMinute),
        ('H', TimeSpan.TicksPerHour),
    ];

    /// <summary>Reads a timeout; rounds up, so that the smallest timeout is still one.</summary>
    public static bool TryParse(string value, out TimeSpan timeout)
    {
        timeout = default;
        if (
            value.Length is < 2 or > 9
            || !long.TryParse(value.AsSpan(0, value.Length - 1), NumberStyles.None, null, out var number)
        )
            return false;

        var ticks = value[^1] switch
        {
            'n' => (number + 99) / 100,
            'u' => number * TimeSpan.TicksPerMicrosecond,
            'm' => number * TimeSpan.TicksPerMillisecond,
            'S' => number * TimeSpan.TicksPerSecond,
            'M' => number * TimeSpan.TicksPerMinute,
            'H' => number * TimeSpan.TicksPerHour,
            _ => -1,
        };
        timeout = TimeSpan.FromTicks(Math.Max(ticks, 0));
        return ticks >= 0;
    }

    /// <summary>Writes a timeout in the finest unit that fits eight digits, rounded up.</summary>
    public static string Format(TimeSpan timeout)
    {
        foreach (var (unit, ticks) in Units)
        {
            var number = (timeout.Ticks + ticks - 1) / ticks;
            if (number <= MaxValue)
                return string.Create(CultureInfo.InvariantCulture, $"{number}{unit}");
        }

        return $"{MaxValue}H";
    }
}
