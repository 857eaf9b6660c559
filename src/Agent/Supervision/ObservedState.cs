namespace Appliance.Agent.Supervision;

/// <summary>What the engine shows of a project. Everything the planner decides on, and nothing else.</summary>
internal sealed record ObservedState(
    IReadOnlyList<ObservedContainer> Containers,
    IReadOnlyDictionary<string, ObservedNetwork> Networks,
    IReadOnlySet<string> Volumes,
    IReadOnlyDictionary<string, string> ImageIds,
    IReadOnlySet<string> LoadedImages
)
{
    public bool Holds(string imageId) => LoadedImages.Contains(imageId);
}

/// <param name="Ours">Whether it carries the labels of a managed network.</param>
internal sealed record ObservedNetwork(string Id, string Name, string? ConfigHash, bool Ours)
{
    /// <summary>The addresses that its containers may have.</summary>
    public IReadOnlyList<string> Subnets { get; init; } = [];
}

internal enum RunState
{
    Created,
    Running,
    Paused,
    Restarting,
    Exited,
    Dead,
    Removing,
}

internal enum HealthState
{
    /// <summary>Nothing probes it: running is all that can be asked.</summary>
    None,
    Starting,
    Healthy,

    /// <summary>It is healthy, and was not too often lately.</summary>
    Flapping,

    /// <summary>It lives, and does not want requests now.</summary>
    Unready,
    Unhealthy,
}

/// <param name="Slot">The slot that its labels name; null when they name none of this project's.</param>
/// <param name="ForeignOwner">The other project that its labels name; null when they name none.</param>
/// <param name="Networks">Network name to the network id that the endpoint is on.</param>
/// <param name="Health">Docker's own health check.</param>
/// <param name="HealthOutput">The last output of that check.</param>
internal sealed record ObservedContainer(
    string Id,
    string Name,
    Slot? Slot,
    bool Ours,
    string? ForeignOwner,
    string? ConfigHash,
    string ImageId,
    RunState State,
    HealthState Health,
    string HealthOutput,
    int ExitCode,
    bool OomKilled,
    string Error,
    DateTimeOffset? CreatedAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset? FinishedAt,
    string EngineRestartPolicy,
    IReadOnlyDictionary<string, string> Networks,
    IReadOnlyDictionary<string, string> Addresses,
    IReadOnlyList<string> Ports
)
{
    /// <summary>How long it may take to end, as it was made: what wants it gone may know nothing else of it.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>See <see cref="Supervision.Claims"/>.</summary>
    public IReadOnlySet<string> Claims { get; init; } = new HashSet<string>();

    /// <summary>The volumes that it mounts, as the engine names them.</summary>
    public IReadOnlyList<string> Volumes { get; init; } = [];

    /// <summary>The services that it reaches through their listeners, as <see cref="ReachedService.Entry"/> has them.</summary>
    public IReadOnlyList<string> Reaches { get; init; } = [];

    /// <summary>Whether it keeps data in a volume that has no name: another container would not have it.</summary>
    public bool HasUnnamedVolume { get; init; }

    public bool IsUp => State is RunState.Running or RunState.Paused or RunState.Restarting;

    public bool EverStarted => StartedAt is not null;

    public TimeSpan RanFor =>
        StartedAt is { } start && FinishedAt is { } end && end > start ? end - start : TimeSpan.Zero;

    public string ShortId => Id.Length > 12 ? Id[..12] : Id;
}

/// <summary>What the Health room last said of a run of a container: a later start is another run.</summary>
/// <param name="Probes">What it is the verdict of: to others it says nothing.</param>
internal sealed record HealthVerdict(
    string ContainerId,
    DateTimeOffset RunStartedAt,
    IReadOnlyList<Bundles.Compose.Probe> Probes,
    HealthState State,
    string Output
)
{
    /// <summary>It is unready for nothing else than answers that did not come in time, after it had been ready.</summary>
    public bool IsOverdue { get; init; }

    public bool IsOf(DateTimeOffset? runStartedAt, IReadOnlyList<Bundles.Compose.Probe> probes) =>
        RunStartedAt == runStartedAt && ProbesAlike.Are(Probes, probes);
}
