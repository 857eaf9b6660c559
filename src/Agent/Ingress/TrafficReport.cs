using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>What is told to supervision. Pure.</summary>
internal static class TrafficReport
{
    /// <param name="shape">What is wanted.</param>
    /// <param name="rows">Of the worker that accepts connections, as it says itself.</param>
    /// <param name="keptFrom">See <see cref="Traffic.KeptFrom"/>.</param>
    /// <param name="isClosed">See <see cref="Traffic.IsClosed"/>.</param>
    public static Traffic Of(
        IReadOnlyList<PublishedService> published,
        IngressShape shape,
        IReadOnlyList<StatRow> rows,
        IReadOnlyList<OldWorker> old,
        IReadOnlySet<string> drained,
        bool listensInside,
        IReadOnlySet<string> keptFrom,
        bool isClosed
    )
    {
        var slots = StatRow.SlotsOf(rows);
        var joined = new HashSet<string>();
        foreach (var service in published)
        {
            // Nobody joins where nobody is let through.
            var backends = shape
                .Backends.Where(b => b.Service == service.Name && (b.IsInside || !service.IsClosed))
                .Select(b => b.Name)
                .ToHashSet();
            var ways = backends.Select(b => slots.Where(s => s.Backend == b)).ToList();
            // Who is asked by a worker that knows only those before would miss it, so it has not joined there yet.
            foreach (var worker in old.Where(w => w.MayBeAsked))
                ways.AddRange(worker.Slots.Where(s => backends.Contains(s.Backend)).GroupBy(s => s.Backend));
            joined.UnionWith(
                service
                    .Servers.Where(c => c.Leaving is null)
                    .Where(c =>
                        ways.TrueForAll(w => w.Any(s => s.Address == c.Address && s.State is ServerState.Ready))
                    )
                    .Select(c => c.ContainerId)
            );
        }
        var addresses = slots
            .Concat(old.Where(w => w.MayBeAsked).SelectMany(w => w.Slots))
            .Where(s => s.State is ServerState.Ready)
            .Select(s => s.Address)
            .ToHashSet();
        var asked = published.SelectMany(s => s.Servers).Where(c => addresses.Contains(c.Address));
        return new Traffic(IsServing: true, joined, drained.ToHashSet())
        {
            ListensInside = listensInside,
            Asked = asked.Select(c => c.ContainerId).ToHashSet(),
            KeptFrom = keptFrom,
            IsClosed = isClosed,
        };
    }

    public static bool Same(Traffic a, Traffic b) =>
        (a.IsServing, a.ListensInside, a.IsClosed) == (b.IsServing, b.ListensInside, b.IsClosed)
        && a.KeptFrom.SetEquals(b.KeptFrom)
        && a.Joined.SetEquals(b.Joined)
        && a.Drained.SetEquals(b.Drained)
        && (a.Asked is null || b.Asked is null ? a.Asked == b.Asked : a.Asked.SetEquals(b.Asked));
}
