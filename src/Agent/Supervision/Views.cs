using Appliance.Bundles.Compose;

namespace Appliance.Agent.Supervision;

/// <summary>What the supervisor knows, as one immutable value: the last pass's findings. Read by Health and Control.</summary>
internal sealed record SupervisionView(EngineView Engine, ReleaseView? Release, IReadOnlyList<ServiceView> Services)
{
    /// <summary>Why there is no release to run, or why the last one given was refused; null when all is well.</summary>
    public string? ReleaseProblem { get; init; }

    /// <summary>The running containers that the release wants probed.</summary>
    public IReadOnlyList<ProbeTarget> Targets { get; init; } = [];

    /// <summary>The services that are reached through ingress.</summary>
    public IReadOnlyList<PublishedService> Published { get; init; } = [];

    /// <summary>Whether a look has found nothing that belongs to no service of the release.</summary>
    public bool IsTidy { get; init; }

    /// <summary>Whether a look has found that all is still that is to be: see <see cref="RunningRelease.Still"/>.</summary>
    public bool IsStill { get; init; }

    /// <summary>See <see cref="RunningRelease.IsClosed"/>.</summary>
    public bool IsClosed { get; init; }

    /// <summary>What ails the machine.</summary>
    public IReadOnlyList<MachineProblem> Problems { get; init; } = [];

    public ServiceView? Service(string name) => Services.FirstOrDefault(s => s.Name == name);
}

/// <summary>One run of a container, and how to find out whether it is well.</summary>
/// <param name="RunStartedAt">A later start is another run, and starts unproven.</param>
/// <param name="Address">Where the host reaches it; null when it is on no network.</param>
internal sealed record ProbeTarget(
    string Service,
    string ContainerId,
    string Container,
    DateTimeOffset RunStartedAt,
    string? Address,
    IReadOnlyList<Probe> Probes
);

/// <param name="Since">Since when the engine is reachable, or not.</param>
/// <param name="Error">Why it is not reachable; null while it is.</param>
internal sealed record EngineView(
    bool Reachable,
    string Endpoint,
    string Version,
    string ApiVersion,
    bool LiveRestore,
    DateTimeOffset Since,
    string? Error
)
{
    /// <summary>Whether it is there, and does not answer: one that is not there is another matter.</summary>
    public bool Hangs { get; init; }

    /// <summary>Where it keeps images and containers; "" as long as it has not said so.</summary>
    public string Folder { get; init; } = "";
}

/// <param name="Digest">Of its index.</param>
internal sealed record ReleaseView(string Product, string Version, string Digest)
{
    /// <summary>Whether it may be left for the one before it by itself, when nothing else makes it well.</summary>
    public bool MayFallBack { get; init; }
}

internal enum ServiceState
{
    Pending,
    Waiting,
    Starting,
    Running,

    /// <summary>
    /// Running, and not ready for requests by what it says itself, or because it flaps: it is not restarted for that.
    /// </summary>
    Unready,
    Unhealthy,
    BackingOff,
    Completed,
    Failed,
    Stopped,
    Stopping,

    /// <summary>Stopped for as long as the data that it uses is kept or brought back.</summary>
    KeptStill,
}

/// <param name="Explanation">One sentence that says why the service is in this state.</param>
/// <param name="Ready">Replicas that run and are healthy.</param>
internal sealed record ServiceView(
    string Name,
    ServiceState State,
    string Explanation,
    DateTimeOffset Since,
    string Image,
    int Replicas,
    int Ready,
    int Restarts,
    string RestartPolicy,
    IReadOnlyList<string> Ports,
    IReadOnlyList<DependencyView> DependsOn,
    IReadOnlyList<ContainerView> Containers
)
{
    /// <summary>Which definition of the service and its networks this speaks of: while a release is exchanged there are two.</summary>
    public string ConfigHash { get; init; } = "";

    /// <summary>The container that is tried as the next release has it; null: none is.</summary>
    public CanaryView? Canary { get; init; }

    /// <summary>Whether it is well only when it has completed: running is its way there.</summary>
    public bool IsMeantToEnd { get; init; }

    /// <summary>Whether an end of it may be the end of its work.</summary>
    public bool IsOneShot { get; init; }

    /// <summary>Its replicas that are not well.</summary>
    public IReadOnlyList<Ailment> Ailments { get; init; } = [];
}

/// <param name="ConfigHash">As <see cref="ServiceView.ConfigHash"/>, of what is tried.</param>
internal sealed record CanaryView(ServiceState State, string Explanation, string ConfigHash);

internal sealed record DependencyView(string Service, string Condition, bool Satisfied);

internal sealed record ContainerView(
    string Id,
    string Name,
    int Replica,
    string State,
    string Health,
    DateTimeOffset? CreatedAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset? FinishedAt,
    int ExitCode,
    bool OomKilled,
    DateTimeOffset? NextAttemptAt,
    int Restarts,
    string ImageId,
    IReadOnlyList<string> Networks
)
{
    /// <summary>Whether it is as the service is defined now; one that is not is about to be replaced.</summary>
    public bool IsCurrent { get; init; } = true;

    /// <summary>Whether it is the one that is tried as the next release has it.</summary>
    public bool IsCanary { get; init; }
}
