namespace Appliance.Agent.Supervision;

/// <summary>
/// Whose turn it is while the replicas of a service are exchanged, or restarted because somebody asked for it: so many at
/// a time, and the next once those before have been ready for their time. Pure.
/// </summary>
internal sealed class Turns
{
    private readonly HashSet<int> waiting = [];

    private Turns() { }

    /// <summary>When time alone makes it the turn of another; null: it does not.</summary>
    public DateTimeOffset? NextAt { get; private set; }

    /// <summary>Whether a replica runs on as it is until others are ready.</summary>
    public bool HasToWait(int replica) => waiting.Contains(replica);

    public static Turns Of(DesiredService service, PlanningInputs inputs)
    {
        var turns = new Turns();
        var replicas = Enumerable.Range(1, service.Replicas).Select(n => new Replica(n, service, inputs)).ToList();
        var next = replicas.Where(r => r.IsNext).ToList();
        if (service.Exchange.Parallelism == 0 || next.Count == 0)
            return turns;
        var busy = replicas.Where(r => r.IsUnderWay).ToList();
        turns.waiting.UnionWith(
            next.Skip(Math.Max(0, service.Exchange.Parallelism - busy.Count)).Select(r => r.Number)
        );
        if (turns.waiting.Count > 0)
            turns.NextAt = busy.Select(r => r.SettledAt).Where(at => at > inputs.Now).Min();
        return turns;
    }

    private sealed class Replica
    {
        public Replica(int number, DesiredService service, PlanningInputs inputs)
        {
            Number = number;
            var slot = new Slot(service.Name, number);
            var held = inputs.Observed.Containers.Where(c => c.Slot == slot && c.ForeignOwner is null).ToList();
            var current = held.FirstOrDefault(c => service.IsMadeAs(c) && c.IsUp);
            var asked = service.IsPublished && inputs.AskedRestarts.ContainsKey(slot);
            // What does not run loses nobody anything by being exchanged.
            IsNext = current is null ? held.Any(c => c.IsUp) && !held.Any(service.IsMadeAs) : asked;
            SettledAt =
                current is not null && inputs.ReadySince.TryGetValue(current.Id, out var since)
                    ? since + service.Exchange.Settled
                    : null;
            IsUnderWay =
                !IsNext
                && (
                    // One that somebody wants anew may be gone, and its successor not made yet.
                    current is null
                        ? asked || held.Any(service.IsMadeAs)
                        : held.Any(c => c.Id != current.Id && c.IsUp) || !(SettledAt <= inputs.Now)
                );
        }

        public int Number { get; }

        /// <summary>Whether it is still to be taken on.</summary>
        public bool IsNext { get; }

        /// <summary>Whether it was taken on, and is not settled yet.</summary>
        public bool IsUnderWay { get; }

        public DateTimeOffset? SettledAt { get; }
    }
}
