using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>The one release that was taken in and waits to be installed. It is held for a while, and only in memory.</summary>
internal sealed class HeldRelease(IOptionsMonitor<UpdatesOptions> options, TimeProvider clock) : IDisposable
{
    private readonly Lock gate = new();
    private Staged? staged;
    private DateTimeOffset until;
    private ITimer? expiry;

    /// <summary>Null when there is none (any more).</summary>
    public Staged? Current
    {
        get
        {
            lock (gate)
                return clock.GetUtcNow() < until ? staged : null;
        }
    }

    /// <param name="expired">Called when it has waited long enough.</param>
    public void Hold(Staged taken, Action expired)
    {
        var period = options.CurrentValue.StagedFor;
        lock (gate)
        {
            (staged, until) = (taken, clock.GetUtcNow() + period);
            expiry?.Dispose();
            expiry = clock.CreateTimer(_ => expired(), null, period, Timeout.InfiniteTimeSpan);
        }
    }

    public void Drop()
    {
        lock (gate)
        {
            staged = null;
            expiry?.Dispose();
            expiry = null;
        }
    }

    public void Dispose() => Drop();
}
