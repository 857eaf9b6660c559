using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>The one release that was taken in and waits to be installed. It is held for a while, and only in memory.</summary>
internal sealed class HeldRelease(IOptionsMonitor<UpdatesOptions> options, TimeProvider clock) : IDisposable
{
    private readonly Lock gate = new();
    private Staged? staged;
    private long since;
    private TimeSpan period;
    private ITimer? expiry;

    /// <summary>Null when there is none (any more).</summary>
    public Staged? Current
    {
        get
        {
            lock (gate)
            {
                // For good, and by no clock that can be set back: what it consists of may have been given back already.
                if (staged is not null && clock.GetElapsedTime(since) >= period)
                    staged = null;
                return staged;
            }
        }
    }

    /// <param name="expired">Called when it has waited long enough.</param>
    public void Hold(Staged taken, Action expired)
    {
        lock (gate)
        {
            (staged, since, period) = (taken, clock.GetTimestamp(), options.CurrentValue.StagedFor);
            expiry?.Dispose();
            expiry = clock.CreateTimer(_ => Expire(taken, expired), null, period, Timeout.InfiniteTimeSpan);
        }
    }

    /// <returns>What was held; null: nothing was.</returns>
    public Staged? Drop()
    {
        lock (gate)
        {
            var dropped = staged;
            staged = null;
            expiry?.Dispose();
            expiry = null;
            return dropped;
        }
    }

    public void Dispose() => Drop();

    // A timer may be early by less than can be told from the clock, or late when the next one is held already.
    private void Expire(Staged taken, Action expired)
    {
        lock (gate)
        {
            if (ReferenceEquals(staged, taken))
                staged = null;
        }
        expired();
    }
}
