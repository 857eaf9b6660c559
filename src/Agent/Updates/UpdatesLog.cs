namespace Appliance.Agent.Updates;

internal static partial class UpdatesLog
{
    [LoggerMessage(10001, LogLevel.Information, "{Operation}: {Phase}: {Text}")]
    public static partial void Step(this ILogger log, string operation, string phase, string text);

    [LoggerMessage(10002, LogLevel.Warning, "Space of old releases is given back later: {Reason}")]
    public static partial void PruningPutOff(this ILogger log, string reason);

    [LoggerMessage(10003, LogLevel.Information, "{Count} images of old releases are still in use, and stay for now")]
    public static partial void ImagesStay(this ILogger log, int count);

    [LoggerMessage(10005, LogLevel.Warning, "{Operation} replaces a release that cannot be read: {Reason}")]
    public static partial void InstalledUnreadable(this ILogger log, string operation, string reason);

    [LoggerMessage(10006, LogLevel.Warning, "The trial of the new {Service} waits: how its requests go cannot be seen")]
    public static partial void TrialWaits(this ILogger log, string service);

    [LoggerMessage(10007, LogLevel.Warning, "That this agent is well cannot be written down yet: {Reason}")]
    public static partial void ReportPutOff(this ILogger log, string reason);

    [LoggerMessage(10004, LogLevel.Warning, "A bundle was refused: {Reason}")]
    public static partial void BundleRefused(this ILogger log, string reason);
}
