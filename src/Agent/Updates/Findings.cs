using System.Net;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>A port of this machine that a release wants for one of its services.</summary>
/// <param name="Address">Null: any.</param>
internal sealed record WantedPort(IPAddress? Address, int Port, bool IsUdp, string Service)
{
    public string Name => $"port {Port}/{(IsUdp ? "udp" : "tcp")}";
}

/// <summary>A port of this machine that a container has.</summary>
internal sealed record PublishedPort(HeldPort Port, string Container, bool IsOurs);

/// <summary>What speaks against an operation: a rule for each thing, and none knows of another. Pure.</summary>
internal static class Findings
{
    private static readonly Version LeastEngine = new(20, 10);

    // Of what a machine is sold with, the kernel keeps some for itself and counts only the rest: of 4 GiB some 3.8.
    private const int PercentOfMemory = 92;

    public static IEnumerable<Finding> OfSpace(Space space) =>
        space
            .Disks.Where(d => d.Free < d.Needed)
            .Select(d =>
                Finding.Refusal(
                    IsForCopies(d, space) ? FindingKind.Data : FindingKind.Space,
                    $"{d.Name} has {d.Free} bytes free, and {d.Needed} are needed: {string.Join(", ", d.Parts)}",
                    $"make room on the disk of {d.Folder}, or give the appliance a larger one"
                )
            );

    /// <param name="total">Of the machine.</param>
    public static IEnumerable<Finding> OfMemory(ComposeModel model, long total)
    {
        var services = model.EnabledServices([]).ToList();
        var reserved = MostAtOnce(services, s => s.Deploy.Reservations.MemoryBytes);
        var allowed = MostAtOnce(services, s => s.Deploy.Limits.MemoryBytes);
        const string remedy = "give the machine more memory";
        if (total <= 0)
            yield break;
        if (reserved > total)
            yield return Finding.Refusal(
                FindingKind.Memory,
                $"the release reserves {reserved} bytes of memory, and the machine has {total}",
                remedy
            );
        else if (allowed > total)
            yield return Finding.Warning(
                FindingKind.Memory,
                $"the release may take {allowed} bytes of memory by its limits, and the machine has {total}",
                remedy
            );
    }

    /// <param name="held">What anything listens on.</param>
    /// <param name="published">What containers have, whether they listen by themselves or the kernel passes packets on.</param>
    /// <param name="ours">Ports that ingress has for the release that runs.</param>
    public static IEnumerable<Finding> OfPorts(
        IEnumerable<WantedPort> wanted,
        IReadOnlyCollection<HeldPort> held,
        IReadOnlyCollection<PublishedPort> published,
        IReadOnlySet<int> ours
    )
    {
        foreach (var port in wanted.DistinctBy(w => (w.Port, w.IsUdp, w.Address)))
        {
            var containers = published.Where(p => Collide(port, p.Port)).ToList();
            if (containers.Find(p => !p.IsOurs) is { } other)
                yield return Finding.Refusal(
                    FindingKind.Ports,
                    $"{port.Name}, which {port.Service} is to have, is published for the container {other.Container}",
                    $"remove that container: `docker rm -f {other.Container}`"
                );
            else if (containers.Count == 0 && (port.IsUdp || !ours.Contains(port.Port)))
            {
                if (held.FirstOrDefault(h => Collide(port, h)) is { } holder)
                    yield return Finding.Refusal(
                        FindingKind.Ports,
                        $"{port.Name}, which {port.Service} is to have, is held by another program, on {holder.Address}",
                        $"end that program: `ss -{(port.IsUdp ? 'u' : 't')}lnp sport = :{port.Port}` names it"
                    );
            }
        }
    }

    public static IEnumerable<Finding> OfEngine(EngineInfo engine)
    {
        if (VersionOf(engine.ServerVersion) is { } version && version < LeastEngine)
            yield return Finding.Refusal(
                FindingKind.Engine,
                $"the engine is of version {engine.ServerVersion}, and {LeastEngine} is the least that is supported",
                "upgrade the engine"
            );
        if (!engine.LiveRestoreEnabled)
            yield return Finding.Warning(
                FindingKind.LiveRestore,
                "the engine runs without live-restore: every container ends when it does",
                "set \"live-restore\": true in its daemon.json, and reload it"
            );
    }

    /// <param name="installed">Null: nothing is.</param>
    public static IEnumerable<Finding> OfPath(ReleaseDocument target, SemanticVersion? installed)
    {
        if (target.UpgradeFrom is { } range && installed is not null && !range.Contains(installed))
            yield return Finding.Refusal(
                FindingKind.UpgradePath,
                $"{target.Product} {target.Version} may be upgraded to from {range}, and {installed} is installed",
                "upgrade to a version in between first"
            );
    }

    /// <summary>What the release says that an appliance has to be like.</summary>
    /// <param name="size">Of the file system that <paramref name="engineFolder"/> is on; null: it cannot be told from here.</param>
    /// <param name="memory">Of the machine; 0: the engine does not say.</param>
    public static IEnumerable<Finding> OfRequirements(Requirements needed, string engineFolder, long? size, long memory)
    {
        if (needed.DiskBytes is { } disk)
        {
            if (size is null)
                yield return Finding.Warning(
                    FindingKind.RequiredDisk,
                    $"the release needs a file system of {disk} bytes, and how large that of {engineFolder} is cannot be told",
                    "see to it that it is that large"
                );
            else if (size < disk)
                yield return Finding.Refusal(
                    FindingKind.RequiredDisk,
                    $"the release needs a file system of {disk} bytes, and that of {engineFolder} has {size}",
                    "give the appliance a larger disk"
                );
        }
        if (
            needed.MemoryBytes is { } all
            && memory > 0
            && (long)(all * (PercentOfMemory / 100m)) is var least
            && memory < least
        )
            yield return Finding.Refusal(
                FindingKind.RequiredMemory,
                $"the release needs a machine with {all} bytes of memory, of which {least} have to be there, and this one has {memory}",
                "give the machine more memory"
            );
    }

    public static IEnumerable<Finding> OfAgent(Requirements needed, AgentVersion agent)
    {
        if (needed.Agent is { } range && !agent.IsIn(range))
            yield return Finding.Refusal(
                FindingKind.RequiredAgent,
                $"the release needs an agent of version {range}, and this one is {agent.Text}",
                "put such an agent on the appliance first"
            );
    }

    /// <param name="signedAt">The latest time that a signature vouches for.</param>
    /// <param name="isSynchronised">Null: that is not known.</param>
    public static IEnumerable<Finding> OfClock(DateTimeOffset now, DateTimeOffset signedAt, bool? isSynchronised)
    {
        if (now < signedAt)
            yield return Finding.Warning(
                FindingKind.Clock,
                $"the clock says {Words.At(now)}, which is before {Words.At(signedAt)}, when the release was signed",
                "set the clock"
            );
        if (isSynchronised == false)
            yield return Finding.Warning(
                FindingKind.Clock,
                "nothing keeps the clock right",
                "have it set from a time server"
            );
    }

    /// <summary>Of the release that runs.</summary>
    public static IEnumerable<Finding> OfHealth(SupervisionView view) =>
        view
            .Services.Where(s => !IsWell(s))
            .Select(s =>
                Finding.Warning(
                    FindingKind.Health,
                    $"{s.Name} is not well now: {s.Explanation.TrimEnd('.')}",
                    $"see `appliancectl services show {s.Name}`"
                )
            );

    /// <summary>Of an engine that could not be asked about the rest.</summary>
    public static Finding OfFailure(Exception engine) =>
        engine is EngineUnavailableException
            ? Finding.Warning(
                FindingKind.Engine,
                $"the engine does not answer, so not all could be looked at: {engine.Message}",
                "the operation waits for it"
            )
            // Nobody waits for one that has answered.
            : Finding.Refusal(
                FindingKind.Engine,
                $"the engine refuses to say what it has: {engine.Message}",
                "see why in its log: `journalctl -u docker`"
            );

    /// <summary>What has to end before an operation may be begun.</summary>
    public static IEnumerable<Finding> OfPending(Hold? hold, Drill? drill, Operation? operation)
    {
        if (hold is not null)
            yield return Finding.Refusal(
                FindingKind.Pending,
                Words.Of(hold),
                "`appliancectl maintenance release` ends that"
            );
        foreach (var name in new[] { drill?.Name, operation?.Name }.OfType<string>())
            yield return Finding.Refusal(FindingKind.Pending, $"{name} is under way", "wait for it, or cancel it");
    }

    // Who agrees to go without copies of data has room enough.
    private static bool IsForCopies(DiskNeed disk, Space space)
    {
        if (space.Snapshots == 0 || !ReferenceEquals(disk, space.Disks[^1]))
            return false;
        var others = disk.Needed - space.Snapshots;
        return others <= Space.Reserve || others <= disk.Free;
    }

    /// <summary>While they are exchanged start-first, some are there twice; it is done to one service at a time.</summary>
    private static long MostAtOnce(List<ComposeService> services, Func<ComposeService, long?> amount) =>
        services.Sum(s => amount(s) * s.Deploy.Replicas ?? 0)
        + services.Select(s => amount(s) * TwiceThere(s.Deploy) ?? 0).DefaultIfEmpty(0).Max();

    private static int TwiceThere(Deploy deploy) =>
        deploy.Update is not { Order: UpdateOrder.StartFirst } update ? 0
        : update.Parallelism == 0 ? deploy.Replicas
        : Math.Min(update.Parallelism, deploy.Replicas);

    private static bool Collide(WantedPort wanted, HeldPort held) =>
        (wanted.Port, wanted.IsUdp) == (held.Port, held.IsUdp)
        // Where services reach each other is ingress's own, and gives way.
        && !InternalListeners.Range.Contains(held.Address)
        && (wanted.Address is not { } address || IsAny(address) || IsAny(held.Address) || address.Equals(held.Address));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    /// <returns>Null: it is none that is known how to read.</returns>
    private static Version? VersionOf(string text) =>
        text.Split('.', '-', '+') is [var major, var minor, ..] && Version.TryParse($"{major}.{minor}", out var version)
            ? version
            : null;

    private static bool IsWell(ServiceView service) =>
        service.State is ServiceState.Completed or ServiceState.Stopped or ServiceState.Stopping
        || (service.State is ServiceState.Running && service.Ready >= service.Replicas);
}
