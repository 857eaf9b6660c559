using System.Globalization;

namespace Appliance.Cli.Commands;

/// <summary>The moment that a build is dated with: <c>SOURCE_DATE_EPOCH</c> where it is set, so that it can be repeated.</summary>
internal static class SourceDate
{
    private const string Variable = "SOURCE_DATE_EPOCH";

    // The last second of the year 9999.
    private const long Latest = 253_402_300_799;

    /// <exception cref="FileException">It is set to something else than seconds.</exception>
    public static DateTimeOffset Or(DateTimeOffset now)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } text)
            return DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds());
        return
            long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= Latest
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : throw new FileException($"{Variable} is '{text}', and must be seconds since 1970");
    }
}
