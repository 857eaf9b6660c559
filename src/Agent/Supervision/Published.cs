using Appliance.Bundles.Compose;

namespace Appliance.Agent.Supervision;

/// <summary>A service that is reached through ingress, and the containers that can answer for it.</summary>
/// <param name="Name">The service's.</param>
/// <param name="Routes">From outside the appliance.</param>
/// <param name="Internal">From other services; null: they reach its containers directly.</param>
/// <param name="StopGrace">How long requests under way may take to end when a container is to go.</param>
/// <param name="Servers">Containers that run, whether they may be sent requests or not.</param>
internal sealed record PublishedService(
    string Name,
    IReadOnlyList<IngressRoute> Routes,
    InternalListener? Internal,
    TimeSpan StopGrace,
    IReadOnlyList<PublishedServer> Servers
)
{
    /// <summary>
    /// The share of requests that those servers get together that are a <see cref="ServerRole.Canary"/>, in per cent; null:
    /// there is none.
    /// </summary>
    public int? CanaryShare { get; init; }

    /// <summary>Whether nobody from outside is let through; other services still are.</summary>
    public bool IsClosed { get; init; }
}

/// <summary>Where other services reach a service, whichever of its containers is there.</summary>
/// <param name="Addresses">This machine's own, which containers resolve the service's name to.</param>
/// <param name="Ports">Those of the containers, under the same numbers.</param>
/// <param name="Sources">Who is let in, as <c>10.1.0.0/16</c>: what else reaches this machine may send packets there too.</param>
internal sealed record InternalListener(
    IReadOnlyList<string> Addresses,
    IReadOnlyList<ListenerPort> Ports,
    IReadOnlyList<string> Sources
);

/// <summary>One run of a container of a published service.</summary>
/// <param name="ContainerId">The engine's.</param>
/// <param name="Container">Its name.</param>
/// <param name="Address">Where the host reaches it.</param>
/// <param name="Role">What it stands for while a release is exchanged.</param>
/// <param name="IsReady">Whether it may be sent requests: it runs, and is as well as the release asks.</param>
/// <param name="Leaving">Why it is about to be ended, once its requests are; null: it stays.</param>
internal sealed record PublishedServer(
    string ContainerId,
    string Container,
    string Address,
    ServerRole Role,
    bool IsReady,
    string? Leaving
)
{
    /// <summary>It was ready, and is not for nothing else than being asked in vain: it may be at work, and too busy to say so.</summary>
    public bool IsOverdue { get; init; }
}

internal enum ServerRole
{
    /// <summary>As the service is defined now.</summary>
    Current,

    /// <summary>As it was before, until its successor has taken its place.</summary>
    Predecessor,

    /// <summary>As it may be soon: it gets a share of the requests.</summary>
    Canary,
}

/// <summary>What ingress has made of <see cref="SupervisionView.Published"/>: told to supervision, which waits for it.</summary>
/// <param name="IsServing">Whether it works at all: if not, there is nobody to wait for.</param>
/// <param name="Joined">Container ids that are sent requests.</param>
/// <param name="Drained">
/// Container ids that are sent none and have none under way, or not within the time that they have for it.
/// </param>
internal sealed record Traffic(bool IsServing, IReadOnlySet<string> Joined, IReadOnlySet<string> Drained)
{
    /// <summary>Nobody is there to send requests.</summary>
    public static Traffic None { get; } = new(false, new HashSet<string>(), new HashSet<string>());

    /// <summary>
    /// Container ids to which another request may still be sent, wherever it comes in: by a worker from before a reload, too;
    /// null: that is not known yet.
    /// </summary>
    public IReadOnlySet<string>? Asked { get; init; }

    /// <summary>
    /// Whether nobody from outside gets through to any service, nor has a request under way that came before: as it is to
    /// be once all are <see cref="PublishedService.IsClosed"/>.
    /// </summary>
    public bool IsClosed { get; init; }

    /// <summary>Whether it can listen where containers are told that other services are.</summary>
    public bool ListensInside { get; init; }

    /// <summary>Addresses for other services where it cannot, or not on each port, for another process has it.</summary>
    public IReadOnlySet<string> KeptFrom { get; init; } = new HashSet<string>();
}
