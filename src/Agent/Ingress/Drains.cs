using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>A worker that ends what was under way before a reload.</summary>
/// <param name="Rows">What it told last.</param>
/// <param name="MayBeAsked">
/// Whether clients may still send it requests: those that were connected to it, and idle. It answers each with its last, by
/// the servers that it had: from the reload on they cannot be changed in it.
/// </param>
internal sealed record OldWorker(int Pid, IReadOnlyList<StatRow> Rows, bool MayBeAsked)
{
    public IEnumerable<ServerSlot> Slots => Rows.Where(r => r.IsServer).Select(r => r.ToSlot());
}

/// <summary>Requests that are cut off, since they took longer than their container's grace.</summary>
internal sealed record CutOff(PublishedService Service, PublishedServer Server, long Count);

/// <summary>Which containers are sent nothing any more, and since when nothing is under way with them.</summary>
internal sealed class Drains(TimeProvider clock)
{
    // A request that was given to a server in the instant before it was taken out may not be counted yet.
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(50);

    private readonly Dictionary<string, long> leavingSince = [];
    private readonly Dictionary<string, long> quietSince = [];
    private readonly HashSet<string> drained = [];

    public IReadOnlySet<string> Drained => drained;

    /// <summary>Whether any is waited for.</summary>
    public bool AreUnderWay { get; private set; }

    /// <summary>How long a container has been leaving.</summary>
    public TimeSpan TakenBy(string containerId) =>
        leavingSince.TryGetValue(containerId, out var since) ? clock.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Takes over what HAProxy says.</summary>
    /// <param name="slots">Of the worker that accepts connections.</param>
    /// <returns>Containers whose time is up: they count as drained, and what they have is to be cut off.</returns>
    public IReadOnlyList<CutOff> Look(
        IReadOnlyList<PublishedService> published,
        IReadOnlyList<ServerSlot> slots,
        IReadOnlyList<OldWorker> old
    )
    {
        var leaving = published
            .SelectMany(s => s.Servers.Where(c => c.Leaving is not null).Select(c => (Service: s, Server: c)))
            .ToList();
        Forget([.. leaving.Select(l => l.Server.ContainerId)]);
        List<CutOff> late = [];
        AreUnderWay = false;
        foreach (var (service, server) in leaving)
        {
            var id = server.ContainerId;
            leavingSince.TryAdd(id, clock.GetTimestamp());
            if (drained.Contains(id))
                continue;
            var here = slots.Where(s => s.Address == server.Address).ToList();
            var there = old.Select(w => (w.MayBeAsked, Slots: w.Slots.Where(s => s.Address == server.Address).ToList()))
                .ToList();
            var count = here.Concat(there.SelectMany(t => t.Slots)).Sum(s => s.InUse);
            var mayGetMore =
                here.Exists(s => s.State is ServerState.Ready)
                || there.Exists(t => t.MayBeAsked && t.Slots.Exists(s => s.State is ServerState.Ready));
            if (count > 0 || mayGetMore)
                quietSince.Remove(id);
            else if (!quietSince.TryAdd(id, clock.GetTimestamp()) && clock.GetElapsedTime(quietSince[id]) >= Quiet)
                drained.Add(id);
            if (!drained.Contains(id) && TakenBy(id) >= service.StopGrace)
            {
                late.Add(new CutOff(service, server, count));
                drained.Add(id);
            }
            AreUnderWay |= !drained.Contains(id);
        }
        return late;
    }

    private void Forget(HashSet<string> leaving)
    {
        drained.IntersectWith(leaving);
        foreach (var id in leavingSince.Keys.Where(i => !leaving.Contains(i)).ToList())
        {
            leavingSince.Remove(id);
            quietSince.Remove(id);
        }
    }
}
