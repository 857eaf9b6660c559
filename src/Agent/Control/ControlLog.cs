namespace Appliance.Agent.Control;

internal static partial class ControlLog
{
    [LoggerMessage(13001, LogLevel.Error, "{Method} failed")]
    public static partial void CallFailed(this ILogger log, string method, Exception e);

    [LoggerMessage(
        13002,
        LogLevel.Error,
        "Audit record not stored ({Reason}): {Actor} as {Role} {Method} {Request}: {Outcome} {Detail}"
    )]
    public static partial void AuditNotStored(
        this ILogger log,
        string actor,
        string role,
        string method,
        string request,
        string outcome,
        string detail,
        string reason
    );

    [LoggerMessage(
        13003,
        LogLevel.Warning,
        "A connection was closed: the kernel does not tell who it is from ({Reason})"
    )]
    public static partial void PeerUnknown(this ILogger log, string reason);

    [LoggerMessage(13004, LogLevel.Warning, "A connection of uid {Uid} was closed: there are too many of its kind")]
    public static partial void TooManyConnections(this ILogger log, uint uid);

    [LoggerMessage(13005, LogLevel.Information, "Listening on {Socket}")]
    public static partial void Listening(this ILogger log, string socket);
}
