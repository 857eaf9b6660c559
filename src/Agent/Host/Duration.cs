using System.Globalization;
using System.Text.RegularExpressions;

namespace Appliance.Agent.Host;

/// <summary>Durations as Compose writes them: numbers with a unit, largest first.</summary>
internal static partial class Duration
{
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var match = Form().Match(text);
        if (!match.Success || text.Length == 0)
            return false;
        duration =
            Part(match, "d", TimeSpan.FromDays(1))
            + Part(match, "h", TimeSpan.FromHours(1))
            + Part(match, "m", TimeSpan.FromMinutes(1))
            + Part(match, "s", TimeSpan.FromSeconds(1))
            + Part(match, "ms", TimeSpan.FromMilliseconds(1));
        return true;
    }

    // Six digits of days are within a TimeSpan.
    [GeneratedRegex(
        @"^((?<d>\d{1,6})d)?((?<h>\d{1,6})h)?((?<m>\d{1,6})m)?((?<s>\d{1,6})s)?((?<ms>\d{1,6})ms)?$",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Form();

    private static TimeSpan Part(Match match, string unit, TimeSpan one) =>
        match.Groups[unit] is { Success: true } group
            ? one * int.Parse(group.Value, CultureInfo.InvariantCulture)
            : default;
}
