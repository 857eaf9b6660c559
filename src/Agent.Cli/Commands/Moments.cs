using System.Globalization;

namespace Appliance.Cli.Commands;

/// <summary>Moments in the past as people type them.</summary>
internal static class Moments
{
    /// <summary>
    /// Reads a time span back from now (<c>90s</c>, <c>10m</c>, <c>1h30m</c>, <c>2d</c>) or a time as RFC 3339 has it;
    /// one without an offset is on this machine's clock. Null when it is neither.
    /// </summary>
    public static DateTimeOffset? Parse(string text, DateTimeOffset now)
    {
        if (Span(text) is { } span)
            return span < now - DateTimeOffset.UnixEpoch ? now - span : DateTimeOffset.UnixEpoch;
        return
            text.Length >= 10
            && char.IsAsciiDigit(text[0])
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var moment)
            ? moment
            : null;
    }

    // Three thousand years: more than anyone means, and less than a TimeSpan holds.
    private const double Longest = 1e11;

    /// <summary>Reads a time span as above; null when it is none.</summary>
    public static TimeSpan? Span(string text)
    {
        var seconds = 0.0;
        var number = 0.0;
        var digits = 0;
        foreach (var c in text)
        {
            if (char.IsAsciiDigit(c))
            {
                number = (number * 10) + (c - '0');
                digits++;
                continue;
            }
            var unit = c switch
            {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86400,
                _ => 0,
            };
            if (unit == 0 || digits is 0 or > 9)
                return null;
            seconds += number * unit;
            number = digits = 0;
        }
        return text.Length > 0 && digits == 0 ? TimeSpan.FromSeconds(Math.Min(seconds, Longest)) : null;
    }
}
