using System.Globalization;

namespace Appliance.Agent.Host;

/// <summary>When the machine was booted.</summary>
internal sealed class MachineBoot
{
    private readonly TimeProvider clock;
    private readonly TimeSpan uptime;
    private readonly long read;

    public MachineBoot(TimeProvider clock)
    {
        this.clock = clock;
        // Seconds since boot, with those asleep.
        uptime = TimeSpan.FromSeconds(
            double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture)
        );
        read = clock.GetTimestamp();
    }

    /// <summary>
    /// By the clock as it is set now: when the clock is put back, it moves along, so that nothing that begins now can
    /// look as if it had begun before.
    /// </summary>
    public DateTimeOffset At => clock.GetUtcNow() - uptime - clock.GetElapsedTime(read);
}
