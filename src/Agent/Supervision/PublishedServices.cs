namespace Appliance.Agent.Supervision;

/// <summary>What a plan says about the services that are reached through ingress.</summary>
internal static class PublishedServices
{
    public static IReadOnlyList<PublishedService> Of(Plan plan, PlanningInputs inputs)
    {
        var handovers = new Handovers(inputs, plan.Services);
        var kept = inputs.Desired.Departing.Where(s => OrphansOf(s, plan).Any(o => o.KeepsRoutes)).ToList();
        return
        [
            .. from s in plan.Services
            let inside = ListenerOf(s.Service, inputs.Observed)
            where s.Service.IsPublished || inside is not null
            select new PublishedService(
                s.Service.Name,
                handovers.RoutesOf(s.Service, kept),
                inside,
                s.Service.StopGrace,
                [
                    .. s.Slots.SelectMany(slot => ServersOf(slot, ServerRole.Current, inputs)),
                    .. s.Canary is { } canary ? ServersOf(canary, ServerRole.Canary, inputs) : [],
                    .. OrphansOf(s.Service, plan).Select(o => Of(o, inputs)),
                ]
            )
            {
                CanaryShare = s.Service.Canary?.CanaryWeight,
                IsClosed = inputs.Desired.IsClosed,
            },
            .. from s in inputs.Desired.Departing
            let inside = ListenerOf(s, inputs.Observed)
            let servers = OrphansOf(s, plan).Select(o => Of(o, inputs)).ToList()
            where servers.Count > 0 && (s.IsPublished || inside is not null)
            // Who asks for what is nobody's any more is told so, and does not wait for it to end.
            select new PublishedService(s.Name, kept.Contains(s) ? s.Routes : [], inside, s.StopGrace, servers)
            {
                IsClosed = inputs.Desired.IsClosed,
            },
        ];
    }

    /// <summary>
    /// For who is made now, and for as long as anybody is there who was made for it; once a network says from where they come.
    /// </summary>
    public static InternalListener? ListenerOf(DesiredService service, ObservedState observed)
    {
        if (service.Listener is not { } listener)
            return null;
        var told = observed
            .Containers.SelectMany(c => c.Reaches)
            .Where(r => r.StartsWith($"{service.Name}=", StringComparison.Ordinal))
            .Select(r => r[(service.Name.Length + 1)..]);
        var addresses = told.Concat(service.IsReachedInside ? [listener.Address] : []).Distinct().Order().ToList();
        var sources = listener
            .Networks.Select(observed.Networks.GetValueOrDefault)
            .OfType<ObservedNetwork>()
            .Where(n => n.Ours)
            .SelectMany(n => n.Subnets)
            .Distinct()
            .Order()
            .ToList();
        return addresses.Count == 0 || sources.Count == 0 ? null : new(addresses, listener.Ports, sources);
    }

    private static IEnumerable<PublishedServer> ServersOf(SlotPlan slot, ServerRole role, PlanningInputs inputs)
    {
        if (slot.Container is { State: RunState.Running } current)
            yield return Of(
                current,
                role,
                slot.Health is HealthState.None or HealthState.Healthy,
                slot.Leaving.GetValueOrDefault(current.Id)
            ) with
            {
                IsOverdue = slot.Health is HealthState.Unready && IsOverdue(current, inputs),
            };
        foreach (var old in slot.Others.Where(c => c.State is RunState.Running))
            yield return Of(
                old,
                ServerRole.Predecessor,
                WasReady(old, inputs),
                slot.Leaving.GetValueOrDefault(old.Id)
            ) with
            {
                IsOverdue = old.Health is not (HealthState.Unhealthy or HealthState.Starting) && IsOverdue(old, inputs),
            };
    }

    private static IEnumerable<OrphanPlan> OrphansOf(DesiredService service, Plan plan) =>
        plan.Orphans.Where(o =>
            o.Container is { State: RunState.Running, Slot: { } slot } && slot.Service == service.Name
        );

    private static PublishedServer Of(OrphanPlan orphan, PlanningInputs inputs) =>
        Of(
            orphan.Container,
            ServerRole.Predecessor,
            WasReady(orphan.Container, inputs),
            orphan.IsLeaving ? "the release no longer has it" : null
        );

    /// <summary>Whether a container that is being replaced does its service's work meanwhile.</summary>
    public static bool Serves(ObservedContainer old, PlanningInputs inputs) =>
        old.State is RunState.Running && WasReady(old, inputs);

    /// <summary>
    /// Nobody asks it any more: what it said last counts. One that was never ready, as a successor that is given up, does not
    /// become so by being replaced.
    /// </summary>
    private static bool WasReady(ObservedContainer old, PlanningInputs inputs)
    {
        if (WasUnready(old, inputs))
            return false;
        return LastOf(old, inputs) is not null
            || inputs.ReadySince.ContainsKey(old.Id)
            || inputs.Traffic.Joined.Contains(old.Id);
    }

    /// <summary>Whether it said last that it was not: of what has said nothing, as to an agent that has just started, it is not known.</summary>
    public static bool WasUnready(ObservedContainer old, PlanningInputs inputs) =>
        old.Health is HealthState.Unhealthy or HealthState.Starting
        || LastOf(old, inputs) is { State: not HealthState.Healthy };

    private static bool IsOverdue(ObservedContainer container, PlanningInputs inputs) =>
        LastOf(container, inputs) is { IsOverdue: true };

    private static HealthVerdict? LastOf(ObservedContainer container, PlanningInputs inputs) =>
        inputs.Verdicts.GetValueOrDefault(container.Id) is { } last && last.RunStartedAt == container.StartedAt
            ? last
            : null;

    private static PublishedServer Of(ObservedContainer container, ServerRole role, bool isReady, string? leaving) =>
        new(container.Id, container.Name, container.Addresses.Values.FirstOrDefault() ?? "", role, isReady, leaving);
}
