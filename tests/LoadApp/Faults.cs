using System.Globalization;

namespace Appliance.LoadApp;

/// <summary>How a release of the application is ill; without any, it is well.</summary>
public sealed record Faults
{
    /// <summary>What it says that it is (<c>APP_VERSION</c>).</summary>
    public string Version { get; init; } = "0.0.0";

    /// <summary>How many requests of a hundred are answered with 500; health checks are not (<c>ERROR_PERCENT</c>).</summary>
    public double ErrorPercent { get; init; }

    /// <summary>How long it does not listen yet (<c>START_DELAY</c>, seconds).</summary>
    public TimeSpan StartDelay { get; init; }

    /// <summary>After how long it hangs, as if <c>/hang</c> were posted (<c>HANG</c>, seconds).</summary>
    public TimeSpan? HangAfter { get; init; }

    /// <summary>After how long its process ends with code 1 (<c>CRASH_AFTER</c>, seconds).</summary>
    public TimeSpan? CrashAfter { get; init; }

    /// <summary>By how much an answer comes later (<c>LATENCY_MS</c>).</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>How long requests under way may take to end when the process is told to (<c>GRACE</c>, seconds).</summary>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Reads it from variables.</summary>
    /// <exception cref="FormatException">One is not a number.</exception>
    public static Faults FromEnvironment(Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(variable);
        var well = new Faults();
        return new()
        {
            Version = variable("APP_VERSION") is { Length: > 0 } version ? version : well.Version,
            ErrorPercent = Number("ERROR_PERCENT") ?? 0,
            StartDelay = Seconds("START_DELAY") ?? TimeSpan.Zero,
            HangAfter = Seconds("HANG"),
            CrashAfter = Seconds("CRASH_AFTER"),
            Latency = TimeSpan.FromMilliseconds(Number("LATENCY_MS") ?? 0),
            Grace = Seconds("GRACE") ?? well.Grace,
        };

        TimeSpan? Seconds(string name) => Number(name) is { } seconds ? TimeSpan.FromSeconds(seconds) : null;

        double? Number(string name)
        {
            if (variable(name) is not { Length: > 0 } text)
                return null;
            return double.TryParse(text, CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new FormatException($"{name} is not a number: {text}");
        }
    }
}
