namespace Appliance.Agent.Supervision;

internal static partial class SupervisionLog
{
    [LoggerMessage(6001, LogLevel.Information, "{Product} {Version} is to run: {Services} services")]
    public static partial void ReleaseGiven(this ILogger log, string product, string version, int services);

    [LoggerMessage(
        6005,
        LogLevel.Information,
        "{Product} is on its way from {Version} to {Next}: {Switched} services are switched"
    )]
    public static partial void OnTheWay(this ILogger log, string product, string version, string next, int switched);

    [LoggerMessage(6002, LogLevel.Warning, "Pass abandoned: {Reason}")]
    public static partial void PassAbandoned(this ILogger log, string reason);

    [LoggerMessage(6004, LogLevel.Warning, "Container {Id} cannot be inspected, and counts as last seen: {Reason}")]
    public static partial void ContainerUnreadable(this ILogger log, string id, string reason);

    [LoggerMessage(6003, LogLevel.Warning, "Step on {Subject} interrupted, to be looked at again: {Reason}")]
    public static partial void StepInterrupted(this ILogger log, string subject, string reason);

    [LoggerMessage(6008, LogLevel.Warning, "That {Subject} was not put right could not be written down: {Reason}")]
    public static partial void NotGivenBack(this ILogger log, string subject, string reason);

    [LoggerMessage(6006, LogLevel.Information, "The machine goes down: {Container} stopped within {Took:0.0} s")]
    public static partial void StoppedWithMachine(this ILogger log, string container, double took);

    [LoggerMessage(6007, LogLevel.Warning, "The machine goes down, and {Container} is left to it: {Reason}")]
    public static partial void LeftToMachine(this ILogger log, string container, string reason);
}
