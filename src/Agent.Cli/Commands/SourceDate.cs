using System.Globalization;

namespace Appliance.Cli.Commands;

/// <summary>The moment that a build is dated with: <c>SOURCE_DATE_EPOCH</c> where it is set, so that it can be repeated.</summary>
internal static class SourceDate
{
    private const string Variable = "SOURCE_DATE_EPOCH";

    /// <exception cref="FileException">It is set to something else than seconds that have passed.</exception>
    public static DateTimeOffset Or(DateTimeOffset now)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } text)
            return DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds());
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            throw new FileException($"{Variable} is '{text}', and must be seconds since 1970");
        // Appliances hold that the present is not before it.
        return seconds <= now.ToUnixTimeSeconds()
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : throw new FileException(
                $"{Variable} is {text}, which is later than now ({now:u}): nothing can be signed in the future"
            );
    }
}
