namespace Appliance.Agent.Supervision;

/// <summary>Containers of one service, and what has to have stopped before they may.</summary>
internal sealed record StopGroup(IReadOnlyList<ObservedContainer> Containers, IReadOnlyList<StopGroup> After)
{
    /// <summary>
    /// All that stopping may take: systemd ends a machine by force half an hour after it was asked for (the
    /// JobTimeoutSec= of reboot.target and poweroff.target), and others have to end after the agent.
    /// </summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(29);

    // Between the end of its grace period and the engine's answer that it is killed, on a machine where all end at once.
    private static readonly TimeSpan EngineTakes = TimeSpan.FromSeconds(15);

    /// <summary>How long it may take until they have stopped, counted from the first of all.</summary>
    public TimeSpan EndsWithin { get; } =
        After.Select(g => g.EndsWithin).DefaultIfEmpty().Max() + Containers.Select(MayTake).DefaultIfEmpty().Max();

    /// <summary>Its grace period, of which a release may make years.</summary>
    public static TimeSpan GraceOf(ObservedContainer container) =>
        container.StopGrace < Longest ? container.StopGrace : Longest;

    /// <summary>How long one may take, whatever the others do.</summary>
    public static TimeSpan MayTake(ObservedContainer container) => GraceOf(container) + EngineTakes;
}

/// <summary>The order of starting, backwards: what depends on others stops before them.</summary>
internal static class StopOrder
{
    /// <returns>One group for each service, those it comes after before it.</returns>
    public static IReadOnlyList<StopGroup> Of(DesiredState desired, IReadOnlyList<ObservedContainer> running)
    {
        var (groups, order) = (new Dictionary<string, StopGroup>(), new List<StopGroup>());
        // Of no service of the release: nobody knows what it needs, and nothing that stays needs it.
        var strangers = new StopGroup([.. running.Where(c => ServiceOf(c) is null)], []);
        order.Add(strangers);
        foreach (var service in desired.Services.Reverse())
        {
            // Those before it in the list are its dependents; a cycle that two releases mixed may have is cut here.
            var dependents = desired.Services.Where(s =>
                groups.ContainsKey(s.Name) && s.DependsOn.Any(d => d.Service == service.Name)
            );
            groups[service.Name] = new StopGroup(
                [.. running.Where(c => ServiceOf(c) == service.Name)],
                [strangers, .. dependents.Select(s => groups[s.Name])]
            );
            order.Add(groups[service.Name]);
        }

        return order;

        string? ServiceOf(ObservedContainer c) =>
            c.Slot is { } slot && desired.Service(slot.Service) is not null ? slot.Service : null;
    }
}
