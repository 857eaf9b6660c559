using Appliance.Agent.Storage;

namespace Appliance.Agent.Alerts;

internal static partial class AlertsLog
{
    /// <summary>Adds an audit record of what is so anyway; a disk that takes nothing must not hide it.</summary>
    public static void Record(this ILogger log, AuditTrail audit, NewAudit entry)
    {
        try
        {
            audit.Append(entry);
        }
        catch (StorageException e)
        {
            log.AuditNotStored(
                entry.Actor,
                entry.Role,
                entry.Method,
                entry.Request,
                entry.Outcome,
                entry.Detail,
                e.Message
            );
        }
    }

    [LoggerMessage(15001, LogLevel.Information, "Listening for alerts on {Address}")]
    public static partial void Listening(this ILogger log, string address);

    [LoggerMessage(15002, LogLevel.Warning, "A message of {Token} was refused: {Reason}")]
    public static partial void MessageRefused(this ILogger log, string token, string reason);

    [LoggerMessage(15003, LogLevel.Warning, "{Count} alerts were not taken in, and are to be sent again: {Reason}")]
    public static partial void NotTaken(this ILogger log, int count, string reason);

    [LoggerMessage(15004, LogLevel.Warning, "{Token} has left {Count} alerts out of a message")]
    public static partial void LeftOut(this ILogger log, string token, long count);

    [LoggerMessage(15005, LogLevel.Warning, "Alerts are acted on later: {Reason}")]
    public static partial void ActingPutOff(this ILogger log, string reason);

    [LoggerMessage(15006, LogLevel.Error, "What came of alert {Id} is not stored ({Reason}): {Why}")]
    public static partial void OutcomeNotStored(this ILogger log, long id, string why, string reason);

    [LoggerMessage(
        15007,
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

    [LoggerMessage(15008, LogLevel.Warning, "That the token {Token} was used is not stored: {Reason}")]
    public static partial void UseNotNoted(this ILogger log, string token, string reason);
}
