using Appliance.Agent.Content;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Supervision;

/// <summary>What the release wants of the engine. Built once for a release; names are the engine's own.</summary>
/// <param name="Images">By id.</param>
internal sealed record DesiredState(
    string Project,
    IReadOnlyDictionary<string, DesiredNetwork> Networks,
    IReadOnlyDictionary<string, DesiredVolume> Volumes,
    IReadOnlyDictionary<string, DesiredImage> Images,
    IReadOnlyList<DesiredService> Services
)
{
    private static readonly HashSet<string> NoVolumes = [];

    /// <summary>See <see cref="RunningRelease.Still"/>.</summary>
    public IReadOnlySet<string> Still { get; init; } = NoVolumes;

    /// <summary>See <see cref="RunningRelease.IsClosed"/>.</summary>
    public bool IsClosed { get; init; }

    /// <summary>See <see cref="RunningRelease.IsUnknown"/>.</summary>
    public bool IsUnknown { get; init; }

    public DesiredService? Service(string name) => Services.FirstOrDefault(s => s.Name == name);

    /// <summary>Services of another release that are not among <see cref="Services"/>, and of which containers may be there.</summary>
    public IReadOnlyList<DesiredService> Departing { get; init; } = [];

    /// <summary>Whether what was there before serves on until what takes its place is ready.</summary>
    public bool IsOnTrial { get; init; }

    /// <summary>What a container was made for, wanted or not; null: nobody knows.</summary>
    public DesiredService? ServiceOf(ObservedContainer container) =>
        container.Slot is { } slot
            ? Service(slot.Service) ?? Departing.FirstOrDefault(s => s.Name == slot.Service)
            : null;

    /// <summary>
    /// As <see cref="DesiredService.ConfigHash"/>, and changes with the settings of its networks and with whom it reaches
    /// through listeners too.
    /// </summary>
    public string DefinitionOf(DesiredService service) =>
        DesiredStateBuilder.HashOf([
            service.ConfigHash,
            .. service.Attachments.Select(a => Networks[a.Network].ConfigHash),
            .. service.Reaches.Select(r => r.Entry),
        ]);
}

/// <param name="ConfigHash">Changes whenever anything about the network but its name does.</param>
internal sealed record DesiredNetwork(string Name, string ConfigHash, NetworkSpec Spec);

internal sealed record DesiredVolume(string Name, VolumeSpec Spec);

/// <param name="Id">Decides what runs.</param>
/// <param name="Reference">As the release calls it.</param>
/// <param name="Tag">The name that it is to have on the engine, for people to know it by; null: none.</param>
internal sealed record DesiredImage(string Id, string Reference, ImageTag? Tag, ReleaseImage Image);

internal enum RestartRule
{
    /// <summary>Whatever ended it, it runs again.</summary>
    Always,

    /// <summary>An end with 0 completes it; any other is tried again.</summary>
    OnFailure,

    /// <summary>It runs once.</summary>
    Never,
}

internal sealed record DesiredDependency(string Service, DependencyCondition Condition)
{
    /// <summary>The condition in Compose's words.</summary>
    public string InWords =>
        Condition switch
        {
            DependencyCondition.Started => "service_started",
            DependencyCondition.Healthy => "service_healthy",
            _ => "service_completed_successfully",
        };
}

/// <summary>A network a container is attached to, by the names its peers find it under.</summary>
internal sealed record Attachment(
    string Network,
    IReadOnlyList<string> Aliases,
    string? Ipv4Address,
    string? Ipv6Address
);

/// <param name="Image">As the release calls it.</param>
/// <param name="RestartPolicy">As the release declares it, for people to read.</param>
/// <param name="MaxFailures">The N of <c>on-failure:N</c>: after that many failures in a row, an alarm, and the slowest pace.</param>
/// <param name="Probes">Where there are any, a container is not healthy before the Health room has said so.</param>
/// <param name="ConfigHash">Changes whenever a container of the service would have to be made anew.</param>
internal sealed record DesiredService(
    string Name,
    string Image,
    string ImageId,
    int Replicas,
    RestartRule Restart,
    string RestartPolicy,
    int? MaxFailures,
    IReadOnlyList<Probe> Probes,
    TimeSpan StopGrace,
    string ConfigHash,
    IReadOnlyList<DesiredDependency> DependsOn,
    IReadOnlyList<Attachment> Attachments,
    IReadOnlyList<string> Volumes,
    ContainerSpec Spec
)
{
    /// <summary>See <see cref="Supervision.Claims"/>.</summary>
    public IReadOnlySet<string> Claims { get; init; } = new HashSet<string>();

    /// <summary>Of these, what two of its containers may hold at once, because the release says so.</summary>
    public IReadOnlySet<string> SharedClaims { get; init; } = new HashSet<string>();

    /// <summary>Whether a container, which may be of another definition, holds what one of this service needs for itself.</summary>
    public bool CannotRunBeside(ObservedContainer container) =>
        container.Claims.Any(c => Claims.Contains(c) && !SharedClaims.Contains(c));

    /// <summary>Whether it may use volumes that nobody else may: it is as it is to be once they have changed.</summary>
    public bool MayUseStill { get; init; }

    /// <summary>Whether none of its containers may run now.</summary>
    public bool IsKeptStill { get; init; }

    /// <summary>Whether running is only its way to the end, which somebody waits for.</summary>
    public bool IsMeantToEnd { get; init; }

    /// <summary>How its replicas are exchanged for others.</summary>
    public Exchange Exchange { get; init; } = Exchange.Default;

    /// <summary>The ways from outside the appliance to it.</summary>
    public IReadOnlyList<IngressRoute> Routes { get; init; } = [];

    /// <summary>Of these, on the way to another release, those that another service has there.</summary>
    public IReadOnlyList<GivenRoute> Gives { get; init; } = [];

    /// <summary>The share of requests that a container gets that is tried, in per cent; null: none is tried.</summary>
    public int? CanaryWeight { get; init; }

    /// <summary>As it may be soon: one container of that runs beside its own; null: none.</summary>
    public DesiredService? Canary { get; init; }

    /// <summary>The slot of the container that is tried: after all others.</summary>
    public Slot CanarySlot => new(Name, Replicas + 1);

    /// <summary>Whether a container may be of this slot of it.</summary>
    public bool Has(Slot slot) =>
        slot.Service == Name
        && (slot.Replica >= 1 && slot.Replica <= Replicas || Canary is not null && slot == CanarySlot);

    /// <summary>The way from other services to it, if any of them uses it; null: it can have none.</summary>
    public DesiredListener? Listener { get; init; }

    /// <summary>Whether other services that are made now use it.</summary>
    public bool IsReachedInside { get; init; }

    /// <summary>
    /// The services that its containers reach through listeners. Not of <see cref="ConfigHash"/>: a container that was made
    /// when there was no listener runs on, and reaches them directly.
    /// </summary>
    public IReadOnlyList<ReachedService> Reaches { get; init; } = [];

    /// <summary>See <see cref="InternalListeners.GapOf"/>.</summary>
    public string? Gap { get; init; }

    /// <summary>Whether it is reached through ingress.</summary>
    public bool IsPublished => Routes.Count > 0 || IsReachedInside;

    /// <summary>
    /// Whether a container is as one of this service is made. One that resolves a name to a listener that the release does
    /// not have is not: nobody would answer it for long.
    /// </summary>
    public bool IsMadeAs(ObservedContainer container) =>
        container.Ours
        && container.ConfigHash == ConfigHash
        && container.ImageId == ImageId
        && container.Reaches.All(entry => Reaches.Any(r => r.Entry == entry));
}

/// <param name="To">As the other release has it.</param>
internal sealed record GivenRoute(IngressRoute Route, DesiredService To);

/// <summary>How the replicas of a service are exchanged: what <c>deploy.update_config</c> says of it.</summary>
/// <param name="Parallelism">How many at a time; 0: all.</param>
/// <param name="Settled">How long a new one has to be ready before the next is taken on.</param>
/// <param name="StartFirst">Whether the new one is there before the old one goes.</param>
internal sealed record Exchange(int Parallelism, TimeSpan Settled, bool StartFirst)
{
    /// <summary>One at a time, each stopped before its successor starts.</summary>
    public static Exchange Default { get; } = Of(UpdatePolicy.Default);

    public static Exchange Of(UpdatePolicy policy) =>
        new(policy.Parallelism, policy.Monitor + policy.Delay, policy.Order is UpdateOrder.StartFirst);
}

/// <summary>One replica of a service: what a container is made for.</summary>
internal readonly record struct Slot(string Service, int Replica)
{
    public override string ToString() => $"{Service}/{Replica}";

    public string ContainerName(string project) => $"{project}-{Service}-{Replica}";
}
