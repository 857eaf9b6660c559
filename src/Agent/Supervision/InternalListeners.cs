using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Supervision;

/// <summary>A port of a service, and what is spoken on it.</summary>
internal sealed record ListenerPort(int Port, IngressProtocol Protocol);

/// <summary>Where other services reach a service, whichever of its containers is there.</summary>
/// <param name="Address">One of this machine's own that nobody else of the release has.</param>
/// <param name="Networks">From which it may be reached, by the engine's names.</param>
internal sealed record DesiredListener(
    string Address,
    IReadOnlyList<ListenerPort> Ports,
    IReadOnlyList<string> Networks
)
{
    /// <summary>What serves who was made for the one and who was made for the other.</summary>
    public static DesiredListener? Both(DesiredListener? one, DesiredListener? other) =>
        one is null || other is null
            ? one ?? other
            : new(
                one.Address,
                [.. one.Ports.UnionBy(other.Ports, p => p.Port)],
                [.. one.Networks.Union(other.Networks)]
            );
}

/// <summary>A service that another one reaches through its listener.</summary>
/// <param name="Names">What resolves to the address.</param>
internal sealed record ReachedService(string Service, string Address, IReadOnlyList<string> Names)
{
    /// <summary>As a container's label has it, among others.</summary>
    public string Entry => $"{Service}={Address}";
}

/// <summary>
/// Which services of a release other services reach through ingress, so that none of their requests is lost while containers
/// are exchanged. Pure: the same release gives the same addresses.
/// </summary>
internal sealed class InternalListeners
{
    /// <summary>All of it is local to the machine, by one route; see <c>docs/decisions/0017-internal-listeners.md</c>.</summary>
    public static readonly IPNetwork Range = IPNetwork.Parse("169.254.64.0/20");

    /// <summary>The first and the last of its addresses: where both are there, all are.</summary>
    public static readonly IReadOnlyList<string> Ends = ["169.254.64.1", "169.254.79.254"];

    /// <summary>The machine's own, on all of its addresses: SSH, and the agent.</summary>
    private static readonly int[] MachinePorts = [22, 8443];

    private readonly ComposeModel model;
    private readonly IReadOnlyList<ComposeService> services;
    private readonly Dictionary<string, DesiredListener> listeners = [];

    public InternalListeners(ComposeModel model, IReadOnlyList<ComposeService> services)
    {
        (this.model, this.services) = (model, services);
        var taken = new HashSet<string>();
        foreach (var service in services.OrderBy(s => s.Name, StringComparer.Ordinal))
        {
            var open = OpenNetworksOf(service).ToList();
            if (open.Count > 0 && PortsOf(service) is { Count: > 0 } ports)
                listeners[service.Name] = new(
                    AddressOf(service.Name, taken),
                    ports,
                    [.. open.Select(n => ContainerRecipe.NetworkName(model.Name, n))]
                );
        }
    }

    /// <summary>The listener that a service has, if anybody uses it; null: it can have none.</summary>
    public DesiredListener? Of(ComposeService service) => listeners.GetValueOrDefault(service.Name);

    /// <summary>Whether any other service reaches it through its listener.</summary>
    public bool IsUsed(ComposeService service) => PeersOf(service).Any(p => Reaches(p, service));

    /// <summary>Those that a service reaches through their listeners.</summary>
    public IReadOnlyList<ReachedService> ReachedBy(ComposeService peer) =>
        [
            .. services
                .Where(s => s != peer && Reaches(peer, s))
                .OrderBy(s => s.Name, StringComparer.Ordinal)
                .Select(s => new ReachedService(s.Name, listeners[s.Name].Address, NamesFor(peer, s)))
                .Where(r => r.Names.Count > 0),
        ];

    /// <summary>Why requests of other services may be lost while its containers are exchanged; null: none are.</summary>
    public string? GapOf(ComposeService service)
    {
        var peers = PeersOf(service).ToList();
        if (peers.Count == 0)
            return null;
        if (service.Deploy.Update.Order is UpdateOrder.StopFirst)
            return PortsOf(service).Count > 0
                ? "other services get no answer while its containers are exchanged: its order is stop-first"
                : null;
        // It names no port for them, and none says that it needs it: a door for clients, and for nobody inside.
        if (service.Expose.Count == 0 && !services.Any(s => s.DependsOn.Any(d => d.Service == service.Name)))
            return null;
        if (WhyNone(service) is { } why)
            return $"other services may lose requests while its containers are exchanged, which they reach directly: {why}";
        var direct = peers.Where(p => !Reaches(p, service)).Select(p => p.Name).ToList();
        return direct.Count == 0
            ? null
            : $"{string.Join(", ", direct)} may lose requests while its containers are exchanged, reached directly:"
                + " over networks that are internal, or beside one that it is not on";
    }

    private string? WhyNone(ComposeService service)
    {
        if (service.Host.Network)
            return "it is on the machine's own network";
        if (
            service.Expose.Concat(service.Ports.Select(p => new ContainerPort(p.Port, p.Protocol))) is var all
            && all.FirstOrDefault(p => p.Protocol is not PortProtocol.Tcp) is { } other
        )
            return $"its port {other.Port} is {other.Protocol.ToString().ToUpperInvariant()}";
        // A port that nobody declared, and that they use all the same, would be lost with the name.
        if (service.Expose.Count == 0)
            return "it does not say under `expose` by which ports";
        if (!listeners.TryGetValue(service.Name, out var listener))
            return "its networks are internal";
        // The engine sends what comes to such a port, whatever the address, to whom it is published for.
        foreach (var port in listener.Ports.Select(p => p.Port))
        {
            if (MachinePorts.Contains(port))
                return $"port {port} is the appliance's own";
            if (services.FirstOrDefault(s => s.Ports.Any(p => Takes(p, port))) is { } holder)
                return $"port {port} of the machine is published for {holder.Name}";
        }
        return null;
    }

    private static bool Takes(PortMapping published, int port) =>
        published.HostPort == port
        && published.Protocol is PortProtocol.Tcp
        && (
            published.HostIp is not { } ip
            || (IPAddress.TryParse(ip, out var at) && (at.Equals(IPAddress.Any) || at.Equals(IPAddress.IPv6Any)))
        );

    private bool Reaches(ComposeService peer, ComposeService service) =>
        service.Deploy.Update.Order is UpdateOrder.StartFirst
        && WhyNone(service) is null
        // By its way out of its networks, which the engine chooses among those that have one: so all of them must do.
        && OpenNetworksOf(peer).ToHashSet() is { Count: > 0 } ways
        && ways.IsSubsetOf(OpenNetworksOf(service));

    private IEnumerable<ComposeService> PeersOf(ComposeService service) =>
        services.Where(p =>
            p != service
            && (service.Host.Network || p.Networks.Any(n => service.Networks.Any(own => own.Network == n.Network)))
        );

    private IEnumerable<string> OpenNetworksOf(ComposeService service) =>
        service.Networks.Select(n => n.Network).Where(n => !model.Networks[n].Internal);

    /// <summary>The service's, and what else is its alone; what the peer says itself of a name counts.</summary>
    private List<string> NamesFor(ComposeService peer, ComposeService service)
    {
        var shared = service.Networks.Where(n => peer.Networks.Any(own => own.Network == n.Network));
        var others = services.Where(s => s != service).SelectMany(NamesOf).ToHashSet(StringComparer.OrdinalIgnoreCase);
        others.UnionWith(peer.ExtraHosts.Select(h => h.Host));
        return
        [
            .. shared
                .SelectMany(n => n.Aliases)
                .Prepend(service.Name)
                .Distinct(StringComparer.OrdinalIgnoreCase)
                .Where(n => !others.Contains(n)),
        ];
    }

    private static IEnumerable<string> NamesOf(ComposeService service) =>
        service.Networks.SelectMany(n => n.Aliases).Prepend(service.Name);

    /// <summary>What its peers may use, as far as it is known.</summary>
    private static List<ListenerPort> PortsOf(ComposeService service)
    {
        var spoken = service.Ingress.Select(r => new ListenerPort(r.Port, r.Protocol)).ToList();
        spoken.AddRange(service.Probes.Select(SpokenTo).OfType<ListenerPort>());
        // TLS is between the two, and passed on as it is.
        var ports = spoken
            .Select(p => p.Protocol is IngressProtocol.Https ? p with { Protocol = IngressProtocol.Tcp } : p)
            .Concat(
                service
                    .Expose.Where(p => p.Protocol is PortProtocol.Tcp)
                    .Select(p => new ListenerPort(p.Port, IngressProtocol.Tcp))
            );
        return [.. ports.DistinctBy(p => p.Port).OrderBy(p => p.Port)];
    }

    private static ListenerPort? SpokenTo(Probe probe) =>
        probe switch
        {
            HttpProbe { Scheme: "http" } http => new(http.Port, IngressProtocol.Http),
            HttpProbe tls => new(tls.Port, IngressProtocol.Https),
            GrpcProbe grpc => new(grpc.Port, grpc.Tls ? IngressProtocol.Https : IngressProtocol.H2c),
            TcpProbe tcp => new(tcp.Port, IngressProtocol.Tcp),
            _ => null,
        };

    /// <summary>By its name, so that it stays the same while others come and go.</summary>
    private string AddressOf(string service, HashSet<string> taken)
    {
        var first = BinaryPrimitives.ReadUInt32BigEndian(Range.BaseAddress.GetAddressBytes());
        var usable = (1u << (32 - Range.PrefixLength)) - 2;
        for (var attempt = 0; ; attempt++)
        {
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{model.Name}\0{service}\0{attempt}"));
            var bytes = new byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(
                bytes,
                first + 1 + (BinaryPrimitives.ReadUInt32BigEndian(hash) % usable)
            );
            // Two in a few hundred releases have the same hash; the later name then takes its next one.
            if (taken.Add(new IPAddress(bytes).ToString()))
                return new IPAddress(bytes).ToString();
        }
    }
}
