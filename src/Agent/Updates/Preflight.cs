using System.Net;
using Appliance.Agent.Content;
using Appliance.Agent.Host;
using Appliance.Agent.Ingress;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Docker;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>
/// Asks, before anything is touched, whether an operation can end well. Everything that speaks against it is found at once:
/// who has put one thing right should not learn of the next only then.
/// </summary>
internal sealed class Preflight(
    DockerEngine engine,
    ImageLoader images,
    ContentStore store,
    AgentTakeover takeover,
    UpdateJournal journal,
    Holds holds,
    DrillJournal drills,
    TrustTable trust,
    ISupervisor supervisor,
    IOptionsMonitor<IngressOptions> ingress,
    AgentVersion agent,
    TimeProvider clock
)
{
    /// <param name="from">Null, or a release without services: nothing is installed, or it cannot be read.</param>
    /// <param name="toCopy">Bytes of volumes that are to be kept, beside them.</param>
    /// <exception cref="EngineUnavailableException">The engine does not answer.</exception>
    /// <exception cref="DockerEngineException">It refuses to say.</exception>
    public async Task<Assessment> AssessAsync(
        OperationKind kind,
        OpenedRelease target,
        Release? from,
        long toCopy,
        CancellationToken ct
    )
    {
        var about = await engine.System.InfoAsync(ct);
        var space = await SpaceAsync(about, target.Content, from, toCopy, ct);
        var published = await PublishedAsync(target.Release.Product, ct);
        IEnumerable<Finding> found =
        [
            .. Findings.OfSpace(space),
            .. Findings.OfMemory(target.Release.Model, about.MemoryBytes),
            .. Findings.OfRequirements(
                target.Release.Model.Requirements,
                about.DockerRootDir,
                DiskSpace.Of(about.DockerRootDir)?.SizeBytes,
                about.MemoryBytes
            ),
            .. Findings.OfPorts(
                WantedBy(target.Release.Model, ingress.CurrentValue),
                HeldPorts.Read(),
                published,
                OurListens(target.Release, from)
            ),
            .. Findings.OfEngine(about),
            .. OfRelease(kind, target),
            .. Findings.OfHealth(supervisor.View),
        ];
        return new Assessment(space, Weighed(kind, found));
    }

    /// <summary>As <see cref="AssessAsync"/>, before it is begun; also when the engine does not answer.</summary>
    /// <param name="ofData">What speaks against what it would do to data.</param>
    public async Task<Assessment> ForPlanAsync(
        OperationKind kind,
        OpenedRelease target,
        Release? from,
        long toCopy,
        IEnumerable<Finding> ofData,
        CancellationToken ct
    )
    {
        var pending = Findings.OfPending(holds.Current, drills.Running, journal.Running);
        Assessment assessed;
        try
        {
            assessed = await AssessAsync(kind, target, from, toCopy, ct);
        }
        catch (Exception e) when (e is DockerEngineException or EngineUnavailableException)
        {
            assessed = new Assessment(null, Weighed(kind, [.. OfRelease(kind, target), Findings.OfFailure(e)]));
        }
        return assessed with
        {
            Findings =
            [
                .. pending.Concat(ofData).Concat(assessed.Findings).Distinct().OrderByDescending(f => f.Refuses),
            ],
        };
    }

    private static List<Finding> Weighed(OperationKind kind, IEnumerable<Finding> found) =>
        [.. found.Select(f => kind is OperationKind.Rollback ? OfReturn(f) : f).OrderByDescending(f => f.Refuses)];

    // A release that has run here is gone back to even if not all is as it should be: who asks for it wants to leave what runs.
    private static Finding OfReturn(Finding found) =>
        found.Kind is FindingKind.Space ? found : found with { Refuses = false };

    private IEnumerable<Finding> OfRelease(OperationKind kind, OpenedRelease target)
    {
        var signedAt = target.Content.Descriptor.SignedAt;
        // The one that it brings will do.
        var other = takeover.NextOf(target.Content);
        var agentFindings = Findings.OfAgent(
            target.Release.Model.Requirements,
            other is null ? agent : new AgentVersion(other.Text)
        );
        var clockFindings = Findings.OfClock(
            clock.GetUtcNow(),
            trust.LatestSignedAt > signedAt ? trust.LatestSignedAt : signedAt,
            MachineClock.IsSynchronised
        );
        return kind is OperationKind.Rollback
            ? [.. agentFindings, .. clockFindings]
            : [.. Findings.OfPath(target.Content.Document, Installed), .. agentFindings, .. clockFindings];
    }

    private SemanticVersion? Installed =>
        journal.Current is { } current ? ReleaseDescriptor.Parse(current.Descriptor).Version : null;

    private async Task<Space> SpaceAsync(
        EngineInfo about,
        ReleaseContent target,
        Release? from,
        long toCopy,
        CancellationToken ct
    )
    {
        var plan = await images.PlanAsync(target.ApplicationImages, ct);
        // Going back comes after, and finds what the target has brought: layers of both are taken once.
        var both = from is { Images.Count: > 0 }
            ? await images.PlanAsync([.. target.ApplicationImages, .. from.Images.Values], ct)
            : plan;
        // A layer that was made of a delta is there as the tar that it unpacks to.
        var layers = target
            .Images.SelectMany(i => i.Layers)
            .Where(store.Contains)
            .Select(l => l.Blob.Digest)
            .ToHashSet();
        var (state, root) = (store.Root, about.DockerRootDir);
        return new Space(
            target.Blobs.Where(b => !layers.Contains(b.Digest) && !store.Contains(b)).Sum(b => b.Size)
                + takeover.BytesFor(target),
            plan.BytesToUnpack,
            both.BytesToSpool,
            Math.Max(0, both.BytesToUnpack - plan.BytesToUnpack),
            plan.BytesToSend
        )
        {
            Snapshots = toCopy,
        }.On((state, DiskSpace.Of(state)), (root, DiskSpace.Of(root)));
    }

    private async Task<IReadOnlyList<PublishedPort>> PublishedAsync(string project, CancellationToken ct) =>
        [
            .. (await engine.Containers.ListAsync(new ContainerQuery { All = false }, ct)).SelectMany(c =>
                c.Ports.Where(p => p.PublicPort is not null)
                    .Select(p => new PublishedPort(
                        new HeldPort(AddressOf(p.HostIp) ?? IPAddress.Any, p.PublicPort!.Value, p.Protocol == "udp"),
                        c.Name,
                        c.Labels.GetValueOrDefault(Labels.Project) == project
                    ))
            ),
        ];

    private static IEnumerable<WantedPort> WantedBy(ComposeModel model, IngressOptions ingress)
    {
        foreach (var service in model.EnabledServices([]))
        {
            foreach (var port in service.Ports.Where(p => p is { HostPort: not null, Protocol: not PortProtocol.Sctp }))
                yield return new WantedPort(
                    AddressOf(port.HostIp),
                    port.HostPort!.Value,
                    port.Protocol is PortProtocol.Udp,
                    service.Name
                );
            foreach (var listen in ingress.Enabled ? service.Ingress.Select(r => r.Listen).OfType<int>() : [])
                yield return new WantedPort(AddressOf(ingress.BindAddress), listen, IsUdp: false, service.Name);
        }
    }

    // Of a release that cannot be read nobody knows what ingress listens on for it: what is wanted may be among it.
    private HashSet<int> OurListens(Release target, Release? from) =>
        journal.Current is null ? []
        : from is { Digest.Length: > 0 } ? ListensOf(from.Model)
        : ListensOf(target.Model);

    private static HashSet<int> ListensOf(ComposeModel model) =>
        [.. model.EnabledServices([]).SelectMany(s => s.Ingress).Select(r => r.Listen).OfType<int>()];

    private static IPAddress? AddressOf(string? text) => IPAddress.TryParse(text, out var address) ? address : null;
}
