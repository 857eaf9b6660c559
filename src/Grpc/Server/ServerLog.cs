using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

internal static partial class ServerLog
{
    public const string Category = "Grpc.AspNetCore.Server";

    [LoggerMessage(1, LogLevel.Error, "Handler of {Method} failed")]
    public static partial void HandlerFailed(this ILogger log, string method, Exception e);

    [LoggerMessage(2, LogLevel.Debug, "Call of {Method} ended with {Status}")]
    public static partial void CallRefused(this ILogger log, string method, Grpc.Core.StatusCode status, Exception e);

    [LoggerMessage(3, LogLevel.Debug, "Call of {Method} was cancelled")]
    public static partial void CallCancelled(this ILogger log, string method, Exception e);

    [LoggerMessage(4, LogLevel.Warning, "Ending {Method} at its deadline failed")]
    public static partial void DeadlineFailed(this ILogger log, string method, Exception e);

    [LoggerMessage(5, LogLevel.Debug, "A stream operation that {Method} had left pending failed")]
    public static partial void LeftoverFailed(this ILogger log, string method, Exception e);
}
