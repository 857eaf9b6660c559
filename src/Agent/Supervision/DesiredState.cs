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
    public DesiredService? Service(string name) => Services.FirstOrDefault(s => s.Name == name);

    /// <summary>As <see cref="DesiredService.ConfigHash"/>, and changes with the settings of its networks too.</summary>
    public string DefinitionOf(DesiredService service) =>
        DesiredStateBuilder.HashOf([
            service.ConfigHash,
            .. service.Attachments.Select(a => Networks[a.Network].ConfigHash),
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

    /// <summary>Whether running is only its way to the end, which somebody waits for.</summary>
    public bool IsMeantToEnd { get; init; }
}

/// <summary>One replica of a service: what a container is made for.</summary>
internal readonly record struct Slot(string Service, int Replica)
{
    public override string ToString() => $"{Service}/{Replica}";

    public string ContainerName(string project) => $"{project}-{Service}-{Replica}";
}
