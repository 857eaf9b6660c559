using System.Globalization;

namespace Appliance.Agent.Host;

/// <summary>What systemd handed over.</summary>
/// <param name="NotifySocket">A path, or <c>@name</c> in the abstract namespace; null when not started by systemd.</param>
/// <param name="Watchdog">Silence that long, and systemd kills the agent; null: it does not watch.</param>
internal sealed record SystemdEnvironment(string? NotifySocket, TimeSpan? Watchdog)
{
    public static SystemdEnvironment Of(Func<string, string?> variable, int pid)
    {
        // Inherited from a parent that was the service: not meant for us (sd_watchdog_enabled(3)).
        var ours = variable("WATCHDOG_PID") is not { Length: > 0 } watched || watched == pid.ToString();
        var set = long.TryParse(
            variable("WATCHDOG_USEC"),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var period
        );
        return new(variable("NOTIFY_SOCKET"), ours && set && period > 0 ? TimeSpan.FromMicroseconds(period) : null);
    }
}
