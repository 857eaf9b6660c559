namespace Appliance.Agent.Host;

internal static partial class HostLog
{
    [LoggerMessage(2001, LogLevel.Error, "{File} cannot be used: {Errors}. {Done}")]
    public static partial void SettingsRefused(this ILogger log, string file, string errors, string done);

    [LoggerMessage(2002, LogLevel.Information, "{File} was read again. {Done}")]
    public static partial void SettingsReloaded(this ILogger log, string file, string done);

    [LoggerMessage(2003, LogLevel.Warning, "The last good settings in {File} cannot be used: {Reason}")]
    public static partial void LastGoodNotUsable(this ILogger log, string file, string reason);

    [LoggerMessage(2004, LogLevel.Warning, "The settings could not be kept as last good ones in {File}: {Reason}")]
    public static partial void LastGoodNotKept(this ILogger log, string file, string reason);

    [LoggerMessage(2005, LogLevel.Warning, "systemd not reached at {Address} with {Message}: {Reason}")]
    public static partial void SystemdNotReached(this ILogger log, string address, string message, string reason);

    [LoggerMessage(2006, LogLevel.Critical, "The reconciler gives no sign of life: left to the watchdog ({Period})")]
    public static partial void Stuck(this ILogger log, TimeSpan period);

    [LoggerMessage(2007, LogLevel.Information, "appliance-agent {Version} started, pid {Pid}")]
    public static partial void Started(this ILogger log, string version, int pid);

    [LoggerMessage(2008, LogLevel.Critical, "The agent cannot start: {Reason}")]
    public static partial void CannotStart(this ILogger log, string reason);

    [LoggerMessage(2009, LogLevel.Information, "Told to end; the system is {State}")]
    public static partial void SystemState(this ILogger log, string state);

    [LoggerMessage(
        2010,
        LogLevel.Warning,
        "Told to end, and systemd does not say whether the machine goes down: {Reason}. Containers run on"
    )]
    public static partial void SystemStateUnknown(this ILogger log, string reason);

    [LoggerMessage(
        2011,
        LogLevel.Warning,
        "The state's file can be opened again: the agent ends, to start anew with it"
    )]
    public static partial void StateIsBack(this ILogger log);
}
