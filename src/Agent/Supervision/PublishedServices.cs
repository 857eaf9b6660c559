namespace Appliance.Agent.Supervision;

/// <summary>What a plan says about the services that are reached through ingress.</summary>
internal static class PublishedServices
{
    public static IReadOnlyList<PublishedService> Of(Plan plan, PlanningInputs inputs) =>
        [
            .. from s in plan.Services
            let inside = ListenerOf(s.Service, inputs.Observed)
            where s.Service.IsPublished || inside is not null
            select new PublishedService(
                s.Service.Name,
                s.Service.Routes,
                inside,
                s.Service.StopGrace,
                [
                    .. s.Slots.SelectMany(slot => ServersOf(slot, ServerRole.Current, inputs)),
                    .. s.Canary is { } canary ? ServersOf(canary, ServerRole.Canary, inputs) : [],
                    .. Orphans(s, plan),
                ]
            )
            {
                CanaryShare = s.Service.Canary?.CanaryWeight,
                IsClosed = inputs.Desired.IsClosed,
            },
        ];

    /// <summary>
    /// For who is made now, and for as long as anybody is there who was made for it; once a network says from where they come.
    /// </summary>
    private static InternalListener? ListenerOf(DesiredService service, ObservedState observed)
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
            );
        foreach (var old in slot.Others.Where(c => c.State is RunState.Running))
            yield return Of(old, ServerRole.Predecessor, WasReady(old, inputs), slot.Leaving.GetValueOrDefault(old.Id));
    }

    private static IEnumerable<PublishedServer> Orphans(ServicePlan service, Plan plan) =>
        plan
            .Orphans.Where(o =>
                o.Container is { State: RunState.Running, Slot: { } slot } && slot.Service == service.Service.Name
            )
            .Select(o =>
                Of(
                    o.Container,
                    ServerRole.Predecessor,
                    isReady: true,
                    o.IsLeaving ? "the release no longer has it" : null
                )
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
        if (old.Health is HealthState.Unhealthy or HealthState.Starting)
            return false;
        if (inputs.Verdicts.GetValueOrDefault(old.Id) is { } last && last.RunStartedAt == old.StartedAt)
            return last.State is HealthState.Healthy;
        return inputs.ReadySince.ContainsKey(old.Id) || inputs.Traffic.Joined.Contains(old.Id);
    }

    private static PublishedServer Of(ObservedContainer container, ServerRole role, bool isReady, string? leaving) =>
        new(container.Id, container.Name, container.Addresses.Values.FirstOrDefault() ?? "", role, isReady, leaving);
}
