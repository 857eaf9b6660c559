namespace Appliance.Agent.Supervision;

/// <summary>What a plan says about the services, as others read it.</summary>
internal static class ViewBuilder
{
    /// <param name="known">The views before these, by service: a state that has not changed keeps its beginning.</param>
    public static IReadOnlyList<ServiceView> Services(
        Plan plan,
        Func<string, Storage.RestartRecord?> restartOf,
        IReadOnlyDictionary<string, ServiceView> known,
        DateTimeOffset now
    ) => [.. plan.Services.Select(s => ServiceOf(s, restartOf, known.GetValueOrDefault(s.Service.Name), now))];

    /// <summary>Before anything was observed, and for as long as the engine is away.</summary>
    public static IReadOnlyList<ServiceView> WithoutEngine(
        DesiredState desired,
        SupervisionView before,
        EngineView engine,
        DateTimeOffset now
    ) =>
        [
            .. desired.Services.Select(s =>
            {
                var known = before.Service(s.Name);
                var explanation = $"Not known: the engine has not answered since {Words.At(engine.Since)}.";
                return new ServiceView(
                    s.Name,
                    ServiceState.Pending,
                    explanation,
                    known is { State: ServiceState.Pending } ? known.Since : now,
                    s.Image,
                    s.Replicas,
                    0,
                    known?.Restarts ?? 0,
                    s.RestartPolicy,
                    known?.Ports ?? [],
                    known?.DependsOn ?? [.. s.DependsOn.Select(d => new DependencyView(d.Service, d.InWords, false))],
                    known?.Containers ?? []
                );
            }),
        ];

    public static IReadOnlyList<ProbeTarget> Targets(Plan plan) =>
        [
            .. plan
                .Services.Where(s => s.Service.Probes.Count > 0)
                .SelectMany(s =>
                    s.Slots.Where(slot => slot.Container is { State: RunState.Running, StartedAt: not null })
                        .Select(slot => slot.Container!)
                        .Select(c => new ProbeTarget(
                            s.Service.Name,
                            c.Id,
                            c.Name,
                            c.StartedAt!.Value,
                            c.Addresses.Values.FirstOrDefault(),
                            s.Service.Probes
                        ))
                ),
        ];

    private static ServiceView ServiceOf(
        ServicePlan plan,
        Func<string, Storage.RestartRecord?> restartOf,
        ServiceView? before,
        DateTimeOffset now
    ) =>
        new(
            plan.Service.Name,
            plan.State,
            plan.Explanation,
            before?.State == plan.State ? before.Since : now,
            plan.Service.Image,
            plan.Service.Replicas,
            plan.Ready,
            plan.Slots.Sum(s => restartOf(s.Slot.ToString())?.Count ?? 0),
            plan.Service.RestartPolicy,
            [.. plan.Slots.SelectMany(s => s.Container?.Ports ?? [])],
            plan.Dependencies,
            [.. plan.Slots.Select(s => ContainerOf(s, restartOf)).OfType<ContainerView>()]
        );

    private static ContainerView? ContainerOf(SlotPlan slot, Func<string, Storage.RestartRecord?> restartOf) =>
        slot.Container is not { } c
            ? null
            : new ContainerView(
                c.Id,
                c.Name,
                slot.Slot.Replica,
                c.State.ToString().ToLowerInvariant(),
                slot.Health is HealthState.None ? "" : slot.Health.ToString().ToLowerInvariant(),
                c.CreatedAt,
                c.StartedAt,
                c.FinishedAt,
                c.ExitCode,
                c.OomKilled,
                slot.NextAttempt,
                restartOf(slot.Slot.ToString())?.Count ?? 0,
                c.ImageId,
                [.. c.Networks.Keys]
            );
}
