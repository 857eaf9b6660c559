using Google.Protobuf.WellKnownTypes;

namespace Appliance.Cli.Output;

/// <summary>Moments as a person says them. Exact times are in the JSON.</summary>
internal static class Ages
{
    /// <summary>"3 min ago", "in 12 s", "just now"; "-" for a moment that is not set.</summary>
    public static string Ago(Timestamp? moment, DateTimeOffset now) =>
        moment is null
            ? "-"
            : (now - moment.ToDateTimeOffset()) switch
            {
                { TotalSeconds: > -1 and < 1 } => "just now",
                { Ticks: > 0 } past => $"{Length(past)} ago",
                var future => $"in {Length(-future)}",
            };

    /// <summary>"3 min": one unit is enough to tell how long something has lasted.</summary>
    public static string Length(TimeSpan span) =>
        span switch
        {
            { TotalSeconds: < 100 } => $"{(int)span.TotalSeconds} s",
            { TotalMinutes: < 100 } => $"{(int)span.TotalMinutes} min",
            { TotalHours: < 48 } => $"{(int)span.TotalHours} h",
            _ => $"{(int)span.TotalDays} days",
        };

    /// <summary>Time on this machine's clock, to the second: <c>2026-01-15 12:00:00</c>.</summary>
    public static string Local(Timestamp? moment) =>
        moment is null ? new string('-', 19) : $"{moment.ToDateTimeOffset().ToLocalTime():yyyy-MM-dd HH:mm:ss}";

    /// <summary>"42 s": how long something took, or has taken so far; "-" for what has not begun.</summary>
    public static string Took(Timestamp? started, Timestamp? ended, DateTimeOffset now) =>
        started is null
            ? "-"
            : Length(
                // Clocks are set back at times.
                TimeSpan.FromTicks(Math.Max(0, ((ended?.ToDateTimeOffset() ?? now) - started.ToDateTimeOffset()).Ticks))
            );

    /// <summary>Time of day on this machine's clock: <c>12:00:00</c>.</summary>
    public static string LocalTime(Timestamp? moment) =>
        moment is null ? new string('-', 8) : $"{moment.ToDateTimeOffset().ToLocalTime():HH:mm:ss}";
}
