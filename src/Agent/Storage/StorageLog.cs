namespace Appliance.Agent.Storage;

internal static partial class StorageLog
{
    [LoggerMessage(
        1001,
        LogLevel.Critical,
        "{Path} cannot be opened: state is kept in memory until it can, and changes that need it are refused"
    )]
    public static partial void StateKeptInMemory(this ILogger log, string path, Exception e);

    [LoggerMessage(
        1002,
        LogLevel.Critical,
        "{Path} could not be used ({Reason}) and was set aside as {Aside}; carried over: [{Saved}], lost: [{Lost}]"
    )]
    public static partial void StateFileReplaced(
        this ILogger log,
        string path,
        string aside,
        string reason,
        string saved,
        string lost
    );

    [LoggerMessage(
        1003,
        LogLevel.Warning,
        "Event not stored ({Reason}): {Severity} {Kind} service={Service} container={Container}: {Found} {Done}"
    )]
    public static partial void EventNotStored(
        this ILogger log,
        EventSeverity severity,
        string kind,
        string? service,
        string? container,
        string found,
        string done,
        string reason
    );

    [LoggerMessage(
        1005,
        LogLevel.Warning,
        "The state is changed for this version without a copy of it as {Copy}: {Reason}"
    )]
    public static partial void NoCopyKept(this ILogger log, string copy, string reason);

    [LoggerMessage(1004, LogLevel.Warning, "{Table} record of {Slot} is kept in memory only for now: {Reason}")]
    public static partial void RecordKeptInMemory(this ILogger log, string table, string slot, string reason);
}
