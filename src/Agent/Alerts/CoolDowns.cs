using System.Collections.Concurrent;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Alerts;

/// <summary>
/// How long rules still rest. While the agent lives it counts the time that passes, whatever is done to the clock. Of what
/// was before its start it knows only the clock's time; when that lies ahead the clock was set back, and the rest begins
/// anew: that may be too long once, and is never for ever.
/// </summary>
internal sealed class CoolDowns(TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, (DateTimeOffset At, long Timestamp)> begun = new();

    /// <summary>Now as the journal keeps it: one that is read back is the same.</summary>
    public DateTimeOffset Now => DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>Says that a rule rests from now on; <paramref name="at"/> is what its row says.</summary>
    public void Begin(string rule, DateTimeOffset at) => begun[rule] = (at, clock.GetTimestamp());

    /// <returns>Zero: it may act.</returns>
    public TimeSpan Left(AlertRule rule)
    {
        if (rule.LastAt is not { } last)
            return TimeSpan.Zero;
        var passed = Measured(rule) ?? Now - last;
        var left = passed < TimeSpan.Zero ? rule.CoolDown : rule.CoolDown - passed;
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>Whether its last time is yet to come by the clock, and nothing better is known.</summary>
    public bool IsAhead(AlertRule rule) => rule.LastAt > Now && Measured(rule) is null;

    private TimeSpan? Measured(AlertRule rule) =>
        begun.TryGetValue(rule.Name, out var known) && known.At == rule.LastAt
            ? clock.GetElapsedTime(known.Timestamp)
            : null;
}
