namespace Appliance.Agent.Supervision;

/// <summary>One desired state out of two: what the engine shall hold on the way from a release to the next.</summary>
internal static class DesiredStateMix
{
    /// <param name="isSwitched">Whether a service is as the next release has it.</param>
    /// <param name="hasBegun">From then on the next release says what both define: networks, volumes, tags.</param>
    /// <param name="canary">A service of which one container is tried as the next release has it; null: none.</param>
    public static DesiredState Of(
        DesiredState from,
        DesiredState to,
        Func<string, bool> isSwitched,
        bool hasBegun,
        string? canary = null
    )
    {
        var (first, second) = hasBegun ? (to, from) : (from, to);
        var services = to
            .Services.Select(s =>
                isSwitched(s.Name) ? ForBoth(s, from.Service(s.Name))
                : from.Service(s.Name) is { } before ? ForBoth(before, s) with { Canary = s.Name == canary ? s : null }
                : null
            )
            .OfType<DesiredService>()
            .Concat(from.Services.Where(s => to.Service(s.Name) is null && !isSwitched(s.Name)));
        return new DesiredState(
            to.Project,
            Union(first.Networks, second.Networks),
            Union(first.Volumes, second.Volumes),
            Images(first, second),
            DependencyOrder.Of(services, s => s.Name, s => s.DependsOn.Select(d => d.Service))
        );
    }

    /// <summary>Whoever reaches it was made as the one release has it, or as the other.</summary>
    private static DesiredService ForBoth(DesiredService service, DesiredService? other) =>
        other is null
            ? service
            : service with
            {
                Listener = DesiredListener.Both(service.Listener, other.Listener),
                IsReachedInside = service.IsReachedInside || other.IsReachedInside,
            };

    private static Dictionary<string, DesiredImage> Images(DesiredState first, DesiredState second)
    {
        var images = Union(first.Images, second.Images);
        // One tag cannot be on two images, and would be moved from one to the other for ever.
        var taken = first.Images.Values.Select(i => i.Tag).ToHashSet();
        foreach (var (id, image) in second.Images)
        {
            if (!first.Images.ContainsKey(id) && taken.Contains(image.Tag))
                images[id] = image with { Tag = null };
        }
        return images;
    }

    private static Dictionary<string, T> Union<T>(
        IReadOnlyDictionary<string, T> first,
        IReadOnlyDictionary<string, T> second
    )
    {
        var all = new Dictionary<string, T>(first);
        foreach (var (name, value) in second)
            all.TryAdd(name, value);
        return all;
    }
}
