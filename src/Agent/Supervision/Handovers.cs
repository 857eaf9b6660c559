using Appliance.Bundles.Compose;

namespace Appliance.Agent.Supervision;

/// <summary>
/// Who has a route that services of two releases claim, while one release takes the other's place: who had it, until all
/// that take over from that service are ready. Pure.
/// </summary>
internal sealed class Handovers(PlanningInputs inputs, IReadOnlyList<ServicePlan> services)
{
    /// <summary>Whether a container of a service that the release no longer has is to serve on, with all of its routes.</summary>
    public bool Keeps(DesiredService departing, ObservedContainer container) =>
        !IsDue(departing) && CanStay(departing, container);

    /// <summary>
    /// Whether its service's routes are others' by now, and HAProxy has yet to be seen to know: until then there is nobody
    /// to go to for who asks.
    /// </summary>
    public bool IsAskedYet(DesiredService departing, ObservedContainer container) =>
        departing.Gives.Count > 0
        && inputs.Traffic is { IsServing: true, Asked: var asked }
        && asked?.Contains(container.Id) != false
        // Other services may ask it for as long as it is there.
        && PublishedServices.ListenerOf(departing, inputs.Observed) is null
        && CanStay(departing, container);

    /// <summary>The routes that lead to a service of the release now.</summary>
    /// <param name="kept">Services that the release no longer has, and that have theirs yet.</param>
    public IReadOnlyList<IngressRoute> RoutesOf(DesiredService service, IEnumerable<DesiredService> kept)
    {
        var others = services.Select(s => s.Service).Where(s => s.Name != service.Name).ToList();
        var given = IsDue(service)
            ? service.Gives.Where(g => others.Exists(o => o.Name == g.To.Name && Claims(o, g.Route)))
            : [];
        var notYet = others
            .Where(o => !IsDue(o))
            .Concat(kept)
            .SelectMany(o => o.Gives)
            .Where(g => g.To.Name == service.Name);
        var away = given.Concat(notYet).Select(g => g.Route).ToList();
        return away.Count == 0 ? service.Routes : [.. service.Routes.Where(r => !away.Exists(r.IsSameWayAs))];
    }

    /// <summary>Whether nobody waits any longer for those that take over its routes.</summary>
    private bool IsDue(DesiredService before) =>
        inputs.UnderWay is null || !inputs.Desired.IsOnTrial || before.Gives.All(IsReady);

    private bool IsReady(GivenRoute given) =>
        services.FirstOrDefault(s => s.Service.Name == given.To.Name) is { } plan
        // It may be there, and not be switched yet.
        && Claims(plan.Service, given.Route)
        && plan.Slots.All(s => s.State is ServiceState.Running or ServiceState.Stopped or ServiceState.Completed);

    private static bool Claims(DesiredService service, IngressRoute route) => service.Routes.Any(route.IsSameWayAs);

    /// <summary>Whether it does its service's work, as far as is known, and is in nobody's way.</summary>
    private bool CanStay(DesiredService departing, ObservedContainer container) =>
        container.State is RunState.Running
        && !PublishedServices.WasUnready(container, inputs)
        && !departing.Gives.Any(g => g.To.CannotRunBeside(container))
        && !services.Any(s =>
            s.Service.CannotRunBeside(container) && s.AllSlots.Any(slot => slot.State is ServiceState.Waiting)
        );
}
