using System.Globalization;

namespace Appliance.Agent.Host;

/// <summary>When the machine was booted.</summary>
internal sealed class MachineBoot
{
    /// <summary>Which boot this is: another id after each, whatever the clock says.</summary>
    public string Id { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    private readonly TimeProvider clock;
    private readonly Func<TimeSpan> uptime;
    private readonly Lock gate = new();
    private DateTimeOffset earliest;

    public MachineBoot(TimeProvider clock)
        : this(clock, Read) { }

    internal MachineBoot(TimeProvider clock, Func<TimeSpan> uptime)
    {
        (this.clock, this.uptime) = (clock, uptime);
        earliest = Now();
    }

    /// <summary>How long ago that was, whatever the clock has been set to since.</summary>
    public TimeSpan Uptime => uptime();

    /// <summary>
    /// By the clock as it is set now, and never later than it was said to be before: however the clock is put right,
    /// nothing that begins now can look later as if it had begun before the boot. That way it may miss what a power cut
    /// ended, which then counts once; the other way it would run again what is done.
    /// </summary>
    public DateTimeOffset At
    {
        get
        {
            lock (gate)
                return earliest = Now() is var now && now < earliest ? now : earliest;
        }
    }

    private DateTimeOffset Now() => clock.GetUtcNow() - uptime();

    // Read each time: other clocks stand still while the machine sleeps.
    private static TimeSpan Read() =>
        TimeSpan.FromSeconds(
            double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture)
        );
}
