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

    /// <summary>The release that people know to be installed; null before the first.</summary>
    public static ReleaseView? ReleaseOf(RunningRelease what) =>
        (what.Release.Digest.Length > 0 ? what.Release : what.Next) is { } release
            ? new ReleaseView(release.Product, release.Version, release.Digest) { MayFallBack = release.Model.FallBack }
            : null;

    /// <summary>Before anything was observed, and for as long as the engine is away.</summary>
    public static IReadOnlyList<ServiceView> WithoutEngine(
        DesiredState desired,
        SupervisionView before,
        EngineView engine,
        DateTimeOffset now
    ) =>
        [
            .. desired.Services.Select(s =>
                NotKnown(
                    s,
                    desired.DefinitionOf(s),
                    before.Service(s.Name),
                    $"Not known: the engine has not answered since {Words.At(engine.Since)}.",
                    now
                )
            ),
        ];

    /// <summary>Once another release is asked for: what is known of a service that it changes is of the past.</summary>
    public static IReadOnlyList<ServiceView> BeforeLook(
        DesiredState desired,
        DesiredState? before,
        SupervisionView view,
        DateTimeOffset now
    ) =>
        [
            .. desired.Services.Select(s =>
                before?.Service(s.Name) is { } past
                && view.Service(s.Name) is { } known
                && before.DefinitionOf(past) == desired.DefinitionOf(s)
                && !ReleaseDifference.IsAny(past, s)
                    ? known
                    : Asked(s, desired.DefinitionOf(s), view.Service(s.Name), now)
            ),
        ];

    private static ServiceView Asked(
        DesiredService service,
        string definition,
        ServiceView? known,
        DateTimeOffset now
    ) =>
        NotKnown(service, definition, known, "The release asks for it as of now.", now) with
        {
            Containers = [.. (known?.Containers ?? []).Select(c => c with { IsCurrent = false })],
        };

    private static ServiceView NotKnown(
        DesiredService service,
        string definition,
        ServiceView? known,
        string why,
        DateTimeOffset now
    ) =>
        new(
            service.Name,
            ServiceState.Pending,
            why,
            known is { State: ServiceState.Pending } ? known.Since : now,
            service.Image,
            service.Replicas,
            0,
            known?.Restarts ?? 0,
            service.RestartPolicy,
            known?.Ports ?? [],
            known?.ConfigHash == definition
                ? known.DependsOn
                : [.. service.DependsOn.Select(d => new DependencyView(d.Service, d.InWords, false))],
            known?.Containers ?? []
        )
        {
            ConfigHash = definition,
            IsMeantToEnd = service.IsMeantToEnd,
            IsOneShot = service.Restart is not RestartRule.Always,
        };

    public static IReadOnlyList<ProbeTarget> Targets(Plan plan) =>
        [
            .. plan.Services.SelectMany(s => s.Slots.SelectMany(slot => TargetOf(slot, s.Service))),
            .. plan.Services.SelectMany(s =>
                s is { Canary: { } slot, Service.Canary: { } tried } ? TargetOf(slot, tried) : []
            ),
        ];

    private static IEnumerable<ProbeTarget> TargetOf(SlotPlan slot, DesiredService service) =>
        service.Probes.Count > 0 && slot.Container is { State: RunState.Running, StartedAt: { } started } c
            ? [new(service.Name, c.Id, c.Name, started, c.Addresses.Values.FirstOrDefault(), service.Probes)]
            : [];

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
            before?.State == plan.State && before.ConfigHash == plan.Definition ? before.Since : now,
            plan.Service.Image,
            plan.Service.Replicas,
            plan.Ready,
            plan.Slots.Sum(s => restartOf(s.Slot.ToString())?.Count ?? 0),
            plan.Service.RestartPolicy,
            [.. plan.Slots.SelectMany(s => s.Container?.Ports ?? [])],
            plan.Dependencies,
            [
                .. plan.Slots.SelectMany(s => ContainersOf(s, restartOf)),
                .. plan.Canary is { } tried
                    ? ContainersOf(tried, restartOf).Select(c => c with { IsCurrent = false, IsCanary = true })
                    : [],
            ]
        )
        {
            ConfigHash = plan.Definition,
            IsMeantToEnd = plan.Service.IsMeantToEnd,
            Canary = plan.Canary is { } canary
                ? new CanaryView(canary.State, canary.Explanation, plan.CanaryDefinition)
                : null,
            IsOneShot = plan.Service.Restart is not RestartRule.Always,
            Ailments = [.. plan.Slots.Select(s => s.Ailment).OfType<Ailment>()],
        };

    private static IEnumerable<ContainerView> ContainersOf(
        SlotPlan slot,
        Func<string, Storage.RestartRecord?> restartOf
    ) =>
        (slot.Container is { } current ? slot.Others.Prepend(current) : slot.Others).Select(c =>
        {
            var isCurrent = c == slot.Container;
            return new ContainerView(
                c.Id,
                c.Name,
                slot.Slot.Replica,
                c.State.ToString().ToLowerInvariant(),
                !isCurrent || slot.Health is HealthState.None ? "" : slot.Health.ToString().ToLowerInvariant(),
                c.CreatedAt,
                c.StartedAt,
                c.FinishedAt,
                c.ExitCode,
                c.OomKilled,
                isCurrent ? slot.NextAttempt : null,
                isCurrent ? restartOf(slot.Slot.ToString())?.Count ?? 0 : 0,
                c.ImageId,
                [.. c.Networks.Keys]
            )
            {
                IsCurrent = isCurrent,
            };
        });
}
