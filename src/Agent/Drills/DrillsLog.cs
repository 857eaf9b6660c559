namespace Appliance.Agent.Drills;

internal static partial class DrillsLog
{
    [LoggerMessage(12001, LogLevel.Information, "{Drill}: {What}")]
    public static partial void Drilled(this ILogger log, string drill, string what);

    [LoggerMessage(12002, LogLevel.Warning, "{Undo} of {Subject} is tried again: {Reason}")]
    public static partial void NotUndoneYet(this ILogger log, string undo, string subject, string reason);

    [LoggerMessage(12003, LogLevel.Warning, "{Drill} waits until its state can be written: {Reason}")]
    public static partial void NotWrittenYet(this ILogger log, string drill, string reason);
}
