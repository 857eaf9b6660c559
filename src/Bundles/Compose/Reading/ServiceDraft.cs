namespace Appliance.Bundles.Compose.Reading;

/// <summary>What the readers share.</summary>
internal sealed record ReadContext(Variables Variables, ReleaseFolder Folder, Allowances Allowances);

/// <summary>A value and the field it was read from, for the checks that look across the file.</summary>
internal readonly record struct Placed<T>(T Value, Field Field);

/// <summary>A service and where its parts stand.</summary>
internal sealed record ServiceDraft(Field Field, ComposeService Service)
{
    public required IReadOnlyList<Placed<PortMapping>> Ports { get; init; }
    public required IReadOnlyList<Placed<Mount>> Mounts { get; init; }
    public required IReadOnlyList<Placed<ServiceNetwork>> Networks { get; init; }
    public required IReadOnlyList<Placed<Dependency>> DependsOn { get; init; }
    public required IReadOnlyList<Placed<FileMount>> Secrets { get; init; }
    public required IReadOnlyList<Placed<FileMount>> Configs { get; init; }
    public required IReadOnlyList<Placed<IngressRoute>> Routes { get; init; }
    public required IReadOnlyList<Placed<string>> ShareSafe { get; init; }
    public Field? Ingress { get; init; }
    public Field? Canary { get; init; }
    public Field? Migration { get; init; }
    public Field? Replicas { get; init; }
    public Field? UpdateOrder { get; init; }
    public string Name => Service.Name;

    /// <summary>Two services for different profiles are usually meant as one or the other.</summary>
    public bool IsAlternativeTo(ServiceDraft other) =>
        Service.Profiles.Count > 0
        && other.Service.Profiles.Count > 0
        && !Service.Profiles.Intersect(other.Service.Profiles).Any();
}

/// <summary>The file after reading: only then can it be checked as a whole.</summary>
internal sealed record Draft(
    IReadOnlyList<ServiceDraft> Services,
    IReadOnlyList<Placed<ComposeNetwork>> Networks,
    IReadOnlyList<Placed<ComposeVolume>> Volumes,
    IReadOnlyList<Placed<ComposeFile>> Secrets,
    IReadOnlyList<Placed<ComposeFile>> Configs
)
{
    public SemanticVersion? Version { get; init; }

    /// <summary>Null unless an appliance may leave the release by itself.</summary>
    public Field? FallBack { get; init; }
}

internal static class Placing
{
    public static IReadOnlyList<T> Values<T>(this IReadOnlyList<Placed<T>> placed) => [.. placed.Select(p => p.Value)];

    /// <summary>In the order of the list; of two with one key (reported elsewhere) the first.</summary>
    public static IReadOnlyDictionary<string, T> ToOrdered<T>(this IEnumerable<T> values, Func<T, string> key)
    {
        var ordered = new OrderedDictionary<string, T>();
        foreach (var value in values)
            ordered.TryAdd(key(value), value);
        return ordered;
    }
}
