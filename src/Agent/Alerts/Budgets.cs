using System.Collections.Concurrent;

namespace Appliance.Agent.Alerts;

/// <summary>So many at once, and so many as time passes: what somebody else can cause is bounded.</summary>
internal sealed class Budget(int burst, TimeSpan refill, TimeProvider clock)
{
    private readonly Lock gate = new();
    private double tokens = burst;
    private long at = clock.GetTimestamp();
    private int refused;

    /// <param name="missed">How many were refused before this one that is not.</param>
    /// <param name="wait">How long until the next may be had.</param>
    public bool TryTake(out int missed, out TimeSpan wait)
    {
        lock (gate)
        {
            var now = clock.GetTimestamp();
            tokens = Math.Min(burst, tokens + (clock.GetElapsedTime(at, now) / refill));
            at = now;
            if (tokens < 1)
            {
                refused++;
                (missed, wait) = (0, (1 - tokens) * refill);
                return false;
            }
            tokens--;
            (missed, refused, wait) = (refused, 0, TimeSpan.Zero);
            return true;
        }
    }
}

/// <summary>A budget for each name. Names are those of tokens, so there are not many.</summary>
internal sealed class Budgets(int burst, TimeSpan refill, TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, Budget> budgets = new();

    public Budget Of(string name) => budgets.GetOrAdd(name, _ => new Budget(burst, refill, clock));
}
