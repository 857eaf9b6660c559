using System.Buffers;
using System.Globalization;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Scalars with units.</summary>
internal sealed partial class Field
{
    public int? Int(int min, int max) =>
        Parse<int>(
            t =>
                int.TryParse(t, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n)
                && n >= min
                && n <= max
                    ? n
                    : null,
            max == int.MaxValue ? $"a whole number of {min} or more" : $"a whole number from {min} to {max}"
        );

    public long? Long(long min) =>
        Parse<long>(
            t =>
                long.TryParse(t, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) && n >= min
                    ? n
                    : null,
            $"a whole number of {min} or more"
        );

    public decimal? Decimal(decimal min, decimal max) =>
        Parse<decimal>(
            t =>
                decimal.TryParse(t, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var n)
                && n >= min
                && n <= max
                    ? n
                    : null,
            $"a number from {min} to {max}"
        );

    public TimeSpan? Duration() => Parse(Durations.TryParse, "a duration with its unit, like 30s, 1m30s or 500ms");

    /// <summary>A duration longer than zero.</summary>
    public TimeSpan? PositiveDuration()
    {
        var duration = Duration();
        if (duration != TimeSpan.Zero)
            return duration;
        Error("must be longer than 0");
        return null;
    }

    /// <summary>A duration longer than zero that may be given in days.</summary>
    public TimeSpan? PositiveDays()
    {
        var duration = Parse(Durations.TryParseWithDays, "a duration with its unit, like 7d, 36h or 1d12h");
        if (duration != TimeSpan.Zero)
            return duration;
        Error("must be longer than 0");
        return null;
    }

    /// <summary>A range of versions.</summary>
    public VersionRange? Versions()
    {
        if (Name() is not { } text)
            return null;
        var range = VersionRange.TryParse(text);
        if (range is null)
            Error($"\"{Shorten(text)}\" is not a range of versions, like \">=1.0.0 <3.0.0\"");
        return range;
    }

    public long? Bytes() => Parse(ByteSizes.TryParse, "a size, like 64m, 1.5g or 1048576 (bytes)");

    /// <summary>Permission bits.</summary>
    public int? Mode() => Parse(Modes.TryParse, "a file mode in octal with a leading 0, like 0440");
}

internal static class Digits
{
    public static readonly SearchValues<char> AndPoint = SearchValues.Create("0123456789.");
}

/// <summary>Durations as Compose writes them: numbers with the units us, ms, s, m, h, one after the other.</summary>
internal static class Durations
{
    private static readonly (string Unit, decimal Ticks)[] s_units =
    [
        ("us", TimeSpan.TicksPerMicrosecond),
        ("ms", TimeSpan.TicksPerMillisecond),
        ("s", TimeSpan.TicksPerSecond),
        ("m", TimeSpan.TicksPerMinute),
        ("h", TimeSpan.TicksPerHour),
    ];

    // Compose has no days, and what it does not read is not to be taken for its keys.
    private static readonly (string Unit, decimal Ticks)[] s_unitsWithDays = [.. s_units, ("d", TimeSpan.TicksPerDay)];

    // Longer than any sensible wait, and short enough for nanoseconds in 64 bits.
    private static readonly decimal s_max = TimeSpan.FromDays(3650).Ticks;

    public static TimeSpan? TryParse(string text) => Read(text, s_units);

    public static TimeSpan? TryParseWithDays(string text) => Read(text, s_unitsWithDays);

    private static TimeSpan? Read(string text, (string Unit, decimal Ticks)[] units)
    {
        if (text == "0")
            return TimeSpan.Zero;

        var ticks = 0m;
        var rest = text.AsSpan();
        if (rest.IsEmpty || rest.Length > 64)
            return null;

        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExcept(Digits.AndPoint);
            if (
                digits <= 0
                || !decimal.TryParse(
                    rest[..digits],
                    NumberStyles.AllowDecimalPoint,
                    CultureInfo.InvariantCulture,
                    out var number
                )
            )
                return null;

            rest = rest[digits..];
            var letters = rest.IndexOfAny(Digits.AndPoint);
            var name = letters < 0 ? rest.ToString() : rest[..letters].ToString();
            var unit = Array.Find(units, u => u.Unit == name);
            if (unit.Ticks == 0 || number > s_max || (ticks += number * unit.Ticks) > s_max)
                return null;
            rest = rest[name.Length..];
        }

        return TimeSpan.FromTicks((long)ticks);
    }

    /// <summary>The shortest text that reads as the same duration.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero)
            return "0s";

        var text = "";
        var ticks = duration.Ticks;
        foreach (var (unit, size) in s_units.Reverse())
        {
            var whole = ticks / (long)size;
            ticks -= whole * (long)size;
            if (whole > 0)
                text += string.Create(CultureInfo.InvariantCulture, $"{whole}{unit}");
        }

        return text.Length == 0 ? "0s" : text;
    }
}

/// <summary>Sizes as Docker writes them: b, k, m, g, t, alone or as kb, mb…, always powers of 1024.</summary>
internal static class ByteSizes
{
    public static long? TryParse(string text)
    {
        var digits = text.AsSpan().IndexOfAnyExcept(Digits.AndPoint);
        var number = digits < 0 ? text : text[..digits];
        long? factor = (digits < 0 ? "" : text[digits..].Trim().ToLowerInvariant()) switch
        {
            "" or "b" => 1,
            "k" or "kb" or "kib" => 1L << 10,
            "m" or "mb" or "mib" => 1L << 20,
            "g" or "gb" or "gib" => 1L << 30,
            "t" or "tb" or "tib" => 1L << 40,
            _ => null,
        };
        return
            factor is { } f
            && decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var n)
            && n <= long.MaxValue / f
            ? (long)(n * f)
            : null;
    }

    /// <summary>With the largest unit that leaves a whole number.</summary>
    public static string Format(long bytes)
    {
        var (value, unit) = (bytes, 0);
        while (value != 0 && value % 1024 == 0 && unit < 3)
            (value, unit) = (value / 1024, unit + 1);
        return string.Create(CultureInfo.InvariantCulture, $"{value}{"bkmg"[unit]}");
    }
}

internal static class Modes
{
    // Decimal numbers are refused: mode: 440 is a slip that YAML lets through.
    public static int? TryParse(string text)
    {
        var digits =
            text.StartsWith("0o", StringComparison.Ordinal) ? text[2..]
            : text.StartsWith('0') ? text[1..]
            : "";
        return digits.Length is > 0 and <= 4 && digits.All(c => c is >= '0' and <= '7')
            ? Convert.ToInt32(digits, 8)
            : null;
    }

    public static string Format(int mode) => "0" + Convert.ToString(mode, 8).PadLeft(3, '0');
}
