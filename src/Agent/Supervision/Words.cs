using Appliance.Agent.Storage;

namespace Appliance.Agent.Supervision;

/// <summary>How states, times and ends of processes are said to people.</summary>
internal static class Words
{
    public static string Of(ServiceState state) =>
        state switch
        {
            ServiceState.Pending => "not started yet",
            ServiceState.Waiting => "waiting for a dependency",
            ServiceState.Starting => "starting",
            ServiceState.Running => "running",
            ServiceState.Unready => "not ready",
            ServiceState.Unhealthy => "unhealthy",
            ServiceState.BackingOff => "waiting for its next try",
            ServiceState.Completed => "completed",
            ServiceState.Failed => "failed",
            ServiceState.Stopped => "stopped by a person",
            ServiceState.KeptStill => "kept stopped by the update",
            _ => "stopping",
        };

    public static string At(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss'Z'");

    /// <summary>How a process ended: "exited with code 137 (killed by SIGKILL)".</summary>
    public static string End(ObservedContainer container)
    {
        if (container.OomKilled)
            return $"was killed for exceeding its memory limit (exit code {container.ExitCode})";
        if (container.Error.Length > 0)
            return $"did not start: {container.Error}";
        // A shell convention that the engine follows: 128 + the number of the signal.
        var signal = container.ExitCode switch
        {
            129 => "SIGHUP",
            130 => "SIGINT",
            132 => "SIGILL",
            134 => "SIGABRT",
            135 => "SIGBUS",
            136 => "SIGFPE",
            137 => "SIGKILL",
            139 => "SIGSEGV",
            143 => "SIGTERM",
            _ => null,
        };
        return signal is null
            ? $"exited with code {container.ExitCode}"
            : $"exited with code {container.ExitCode} (killed by {signal})";
    }

    /// <summary>Who holds the appliance, since when and for how long.</summary>
    public static string Of(Hold hold)
    {
        var reason = hold.Reason.Length > 0 ? $" ({hold.Reason})" : "";
        var until = hold.Until is { } end ? $", until {At(end)}" : "";
        return $"{hold.By} holds the appliance for maintenance{reason} since {At(hold.Since)}{until}";
    }

    public static string Of(Rung rung) =>
        rung switch
        {
            Rung.Restart => "a restart",
            Rung.Recreate => "another container",
            _ => "loading its image again",
        };

    public static string Times(int count) => count == 1 ? "once" : $"{count} times";

    /// <summary>An output on one line, short enough for a sentence.</summary>
    public static string Brief(string output)
    {
        var line = output.ReplaceLineEndings(" ").Trim();
        return line.Length <= 160 ? line : line[..159] + "…";
    }
}
