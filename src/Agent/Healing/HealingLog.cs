namespace Appliance.Agent.Healing;

internal static partial class HealingLog
{
    [LoggerMessage(11001, LogLevel.Warning, "What healing has spent cannot be written down: {Reason}")]
    public static partial void NotWritten(this ILogger log, string reason);

    [LoggerMessage(11002, LogLevel.Warning, "Which container publishes a port is not known: {Reason}")]
    public static partial void HoldersUnknown(this ILogger log, string reason);

    [LoggerMessage(11003, LogLevel.Information, "{What} is not watched: {Reason}")]
    public static partial void NotWatched(this ILogger log, string what, string reason);

    [LoggerMessage(11004, LogLevel.Warning, "The clock was set by {By}")]
    public static partial void ClockWasSet(this ILogger log, TimeSpan by);

    [LoggerMessage(11005, LogLevel.Warning, "{Bytes} bytes cannot be kept in reserve: {Reason}")]
    public static partial void ReserveNotMade(this ILogger log, long bytes, string reason);
}
