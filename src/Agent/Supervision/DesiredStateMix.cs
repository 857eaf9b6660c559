using Appliance.Bundles.Compose;

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
        var gone = GoneSince(from, to).ToList();
        var services = to
            .Services.Select(s =>
                isSwitched(s.Name) ? Keeping(ForBoth(s, from.Service(s.Name)), from.Service(s.Name), to)
                : from.Service(s.Name) is { } before
                    ? Giving(ForBoth(before, s) with { Canary = s.Name == canary ? s : null }, before.Routes, to)
                : null
            )
            .OfType<DesiredService>()
            .Concat(gone.Where(s => !isSwitched(s.Name)));
        return new DesiredState(
            to.Project,
            Union(first.Networks, second.Networks),
            Union(first.Volumes, second.Volumes),
            Images(first, second),
            DependencyOrder.Of(services, s => s.Name, s => s.DependsOn.Select(d => d.Service))
        )
        {
            Departing = [.. gone.Where(s => isSwitched(s.Name))],
            IsOnTrial = true,
        };
    }

    /// <summary>All of a release, and of the one before what may still be there.</summary>
    /// <param name="isCommitted">See <see cref="RunningRelease.IsCommitted"/>.</param>
    public static DesiredState After(DesiredState before, DesiredState now, bool isCommitted) =>
        now with
        {
            Departing = [.. GoneSince(before, now)],
            IsOnTrial = !isCommitted,
        };

    private static IEnumerable<DesiredService> GoneSince(DesiredState from, DesiredState to) =>
        from.Services.Where(s => to.Service(s.Name) is null).Select(s => Giving(s, s.Routes, to));

    /// <summary>What another service is to have it has until that is there.</summary>
    private static DesiredService Keeping(DesiredService service, DesiredService? before, DesiredState to)
    {
        var lost = before?.Routes.Where(r => !service.Routes.Any(r.IsSameWayAs)) ?? [];
        var giving = Giving(service, lost, to);
        return giving with { Routes = [.. service.Routes, .. giving.Gives.Select(g => g.Route)] };
    }

    private static DesiredService Giving(DesiredService service, IEnumerable<IngressRoute> routes, DesiredState to) =>
        service with
        {
            Gives =
            [
                .. from route in routes
                from other in to.Services
                where other.Name != service.Name && other.Routes.Any(route.IsSameWayAs)
                select new GivenRoute(route, other),
            ],
        };

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
