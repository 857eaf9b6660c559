using System.Net;
using System.Net.Sockets;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>What HAProxy is to run, from what is published. What has no place in it is left out, and told once.</summary>
internal sealed class WantedShapes(IngressFolder folder, Adopted adopted, EventLog events, ILogger log)
{
    private readonly HashSet<string> leftOut = [];

    public HaproxyText TextOf(IngressOptions set) =>
        new(set, folder.Certificate, folder.Maintenance, Socket.OSSupportsIPv6);

    /// <summary>With addresses as HAProxy writes them, and without the listeners that it could not open, nor start with.</summary>
    public List<PublishedService> Usable(IReadOnlyList<PublishedService> published)
    {
        List<PublishedService> usable = [];
        foreach (var service in published.DistinctBy(s => s.Name))
        {
            var servers = service.Servers.Select(s =>
                s with
                {
                    Address = IPAddress.TryParse(s.Address, out var address) ? address.ToString() : "",
                }
            );
            usable.Add(service with { Servers = [.. servers], Internal = Usable(service) });
        }
        return usable;
    }

    /// <summary>Addresses that were wanted for other services, and of which not all is usable.</summary>
    /// <param name="usable">What <see cref="Usable(IReadOnlyList{PublishedService})"/> has made of what is published.</param>
    public static HashSet<string> KeptFrom(
        IReadOnlyList<PublishedService> published,
        IReadOnlyList<PublishedService> usable
    ) =>
        [
            .. published
                .Where(p => p.Internal is not null)
                .Select(p => (Wanted: p.Internal!, Left: usable.First(u => u.Name == p.Name).Internal!))
                .SelectMany(p =>
                    p.Wanted.Addresses.Where(a =>
                        !p.Left.Addresses.Contains(a) || p.Left.Ports.Count < p.Wanted.Ports.Count
                    )
                ),
        ];

    /// <param name="slots">The places that there are: they stay.</param>
    public IngressShape Of(
        IReadOnlyList<PublishedService> published,
        IngressOptions set,
        IReadOnlyList<ServerSlot> slots
    )
    {
        var addresses = published.SelectMany(s => s.Servers).Select(s => s.Address).ToHashSet();
        var shape = IngressShape.Of(
            published,
            set,
            name =>
            {
                var mine = slots.Where(s => s.Backend == name).ToList();
                return (mine.Count, mine.Count(s => s.InUse > 0 && !addresses.Contains(s.Address ?? "")));
            }
        );
        foreach (var what in shape.LeftOut)
            LeaveOut(what);
        return shape;
    }

    /// <summary>
    /// Without the ports that somebody else has now. A HAProxy that runs goes on if it cannot open one of them; one that
    /// starts would not, and serve nothing at all.
    /// </summary>
    public IngressShape Startable(IngressShape shape, IngressOptions set)
    {
        string[] binds =
            set.BindAddress != "*" ? [set.BindAddress]
            : Socket.OSSupportsIPv6 ? ["0.0.0.0", "::"]
            : ["0.0.0.0"];
        var taken = shape
            .Listeners.Where(l => l.Address is null && !Array.TrueForAll(binds, b => OwnAddress.IsFree(b, l.Port)))
            .ToList();
        foreach (var listener in taken)
        {
            var service = shape.Backends.First(b => b.Name == listener.Backend).Service;
            LeaveOut($"port {listener.Port} of {service}, when HAProxy starts: it is somebody else's");
        }
        return taken.Count == 0 ? shape : shape with { Listeners = [.. shape.Listeners.Except(taken)] };
    }

    /// <summary>The places of a HAProxy that starts, with those in them that are to be sent requests.</summary>
    public List<ServerSlot> FreshSlots(IReadOnlyList<PublishedService> published, IngressShape shape) =>
        [
            .. shape.Backends.SelectMany(b =>
                ServerPlanner
                    .Between(
                        DesiredServers.Of(published.First(s => s.Name == b.Service), adopted.Trusts, b.IsInside),
                        [.. ServerSlot.EmptyOf(b)],
                        b.Port
                    )
                    .After
            ),
        ];

    private InternalListener? Usable(PublishedService service)
    {
        if (service.Internal is not { } inside)
            return null;
        var addresses = inside.Addresses.Where(a => Usable(service, a, OwnAddress.Is(a), "no address of this machine"));
        inside = inside with { Addresses = [.. addresses] };
        var ports = inside.Ports.Where(p =>
            inside.Addresses.All(a => Usable(service, $"{a}:{p.Port}", OwnAddress.IsFree(a, p.Port), "somebody else's"))
        );
        return inside with { Ports = [.. ports] };
    }

    private bool Usable(PublishedService service, string what, bool can, string whyNot)
    {
        if (!can)
            LeaveOut($"{service.Name} from other services: {what} is {whyNot}");
        return can;
    }

    private void LeaveOut(string what)
    {
        if (!leftOut.Add(what))
            return;
        log.LeftOut(what);
        events.Append(
            new(
                EventSeverity.Warning,
                "ingress.left-out",
                null,
                null,
                $"Not reached through ingress: {what}.",
                "Left it out."
            )
        );
    }
}
