namespace Appliance.Agent.Ingress;

internal static partial class IngressLog
{
    [LoggerMessage(7001, LogLevel.Information, "HAProxy {Version} found, worker {Pid}")]
    public static partial void Found(this ILogger log, string version, int pid);

    [LoggerMessage(7002, LogLevel.Warning, "HAProxy is not reached: {Reason}")]
    public static partial void Lost(this ILogger log, string reason);

    [LoggerMessage(7003, LogLevel.Information, "Configuration {Hash} is in use: worker {Pid} took over from {Before}")]
    public static partial void Reloaded(this ILogger log, string hash, int pid, int before);

    [LoggerMessage(7004, LogLevel.Error, "Configuration {Hash} is not used: {Reason}")]
    public static partial void Refused(this ILogger log, string hash, string reason);

    [LoggerMessage(7005, LogLevel.Information, "{Step}")]
    public static partial void Taken(this ILogger log, RuntimeStep step);

    [LoggerMessage(7006, LogLevel.Warning, "{Step}, which failed: {Reason}")]
    public static partial void StepFailed(this ILogger log, RuntimeStep step, string reason);

    [LoggerMessage(
        7007,
        LogLevel.Warning,
        "{File} cannot be written, and what HAProxy would start with is out of date: {Reason}"
    )]
    public static partial void FileNotWritten(this ILogger log, string file, string reason);

    [LoggerMessage(
        7008,
        LogLevel.Warning,
        "{Container} still had {Count} requests under way after {Grace}: it is stopped with them"
    )]
    public static partial void CutOff(this ILogger log, string container, long count, TimeSpan grace);

    [LoggerMessage(7009, LogLevel.Information, "{Container} has no request under way any more, after {Took}")]
    public static partial void Drained(this ILogger log, string container, TimeSpan took);

    [LoggerMessage(7010, LogLevel.Warning, "Left out of the configuration: {What}")]
    public static partial void LeftOut(this ILogger log, string what);

    [LoggerMessage(7011, LogLevel.Information, "The certificate in use is now {Subject}, until {Until}")]
    public static partial void CertificateUsed(this ILogger log, string subject, DateTimeOffset until);

    [LoggerMessage(7012, LogLevel.Warning, "HAProxy does not take the certificate: {Reason}")]
    public static partial void CertificateNotTaken(this ILogger log, string reason);

    [LoggerMessage(7013, LogLevel.Warning, "Pass abandoned: {Reason}")]
    public static partial void IngressPassAbandoned(this ILogger log, string reason);
}
