using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>Whether the ways from outside are closed that are to be, and nothing is under way any more that came by them.</summary>
internal sealed class Closing(TimeProvider clock)
{
    // A request that was given to a server in the instant before it was taken out may not be counted yet.
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(50);

    private long? since;
    private long? quietSince;

    /// <summary>Whether the end of something is waited for.</summary>
    public bool IsUnderWay { get; private set; }

    /// <param name="slots">Of the worker that accepts connections.</param>
    /// <returns>Whether it is so; and what has had the time that its containers have to end: it is to be cut off.</returns>
    public (bool IsClosed, IReadOnlyList<ServerSlot> Late) Look(
        IReadOnlyList<PublishedService> published,
        IngressShape shape,
        IReadOnlyList<ServerSlot> slots,
        IReadOnlyList<OldWorker> old
    )
    {
        var closed = published.Where(s => s.IsClosed).ToList();
        if (closed.Count < published.Count || published.Count == 0)
        {
            (since, quietSince, IsUnderWay) = (null, null, false);
            return (published.Count == 0, []);
        }

        since ??= clock.GetTimestamp();
        var outside = shape.Backends.Where(b => !b.IsInside).Select(b => b.Name).ToHashSet();
        var here = slots.Where(s => outside.Contains(s.Backend)).ToList();
        var there = old.SelectMany(w => w.Slots.Where(s => outside.Contains(s.Backend)).Select(s => (w.MayBeAsked, s)))
            .ToList();
        var isOver = clock.GetElapsedTime(since.Value) >= closed.Max(s => s.StopGrace);
        var mayGetMore =
            here.Exists(s => s.State is ServerState.Ready)
            // One that may be asked once more has had its time as well.
            || (!isOver && there.Exists(t => t.MayBeAsked && t.s.State is ServerState.Ready));
        var isBusy = here.Exists(s => s.InUse > 0) || (!isOver && there.Exists(t => t.s.InUse > 0));
        if (isBusy || mayGetMore)
            quietSince = null;
        else
            quietSince ??= clock.GetTimestamp();
        var isClosed = quietSince is { } began && clock.GetElapsedTime(began) >= Quiet;
        IsUnderWay = !isClosed;
        return (isClosed, isOver ? [.. here.Where(s => s.InUse > 0)] : []);
    }
}
