using System.Globalization;
using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Checks;

/// <summary>What comes from outside has one service to go to, which is there to take it, on a port that is free for it.</summary>
internal static class Routes
{
    private static readonly Dictionary<int, string> s_ownPorts = new()
    {
        [22] = "administrators log in there (SSH)",
        [80] = "HTTP routes are served there",
        [443] = "HTTP routes are served there",
        [8443] = "the agent serves there",
    };

    public static void Check(Draft draft)
    {
        var all = draft.Services.SelectMany(s => s.Routes.Select(r => new Claim(s, r.Value, r.Field))).ToList();
        var http = all.Where(r => r.Route.Listen is null).ToList();
        var tcp = all.Where(r => r.Route.Listen is not null).ToList();

        OneService(
            http,
            r => (r.Route.Host, r.Route.Path),
            (route, other) => route.Field.Error($"{Described(route.Route)} is routed already, by {other.Field.Path}")
        );
        OneService(
            tcp,
            r => r.Route.Listen,
            (route, other) => Listen(route).Error($"port {Number(route)} is listened on already, by {other.Field.Path}")
        );
        foreach (var route in tcp)
        {
            if (s_ownPorts.TryGetValue(route.Route.Listen!.Value, out var reason))
                Listen(route).Error($"port {Number(route)} is the appliance's own: {reason}");
        }

        AgainstPublished(draft, http, tcp);
        foreach (var service in draft.Services.Where(s => s.Routes.Count > 0))
            Stays(service, draft);
    }

    private static void OneService<TKey>(IEnumerable<Claim> routes, Func<Claim, TKey> key, Action<Claim, Claim> report)
    {
        foreach (var same in routes.GroupBy(key))
        {
            var earlier = new List<Claim>();
            foreach (var route in same)
            {
                if (earlier.Find(e => !e.Service.IsAlternativeTo(route.Service)) is { } other)
                    report(route, other);
                earlier.Add(route);
            }
        }
    }

    // The engine would hold the port, on whatever address, and ingress could not listen there.
    private static void AgainstPublished(Draft draft, List<Claim> http, List<Claim> tcp)
    {
        var published = draft
            .Services.SelectMany(s => s.Ports.Select(p => (Service: s, Port: p.Value, p.Field)))
            .Where(p => p.Port is { HostPort: not null, Protocol: PortProtocol.Tcp })
            .ToLookup(p => p.Port.HostPort!.Value);

        foreach (var route in tcp)
        {
            var holder = published[route.Route.Listen!.Value]
                .FirstOrDefault(p => !p.Service.IsAlternativeTo(route.Service));
            if (holder.Field is { } field)
                Listen(route).Error($"host port {Number(route)} is published already, by {field.Path}");
        }

        foreach (var port in published[80].Concat(published[443]))
        {
            if (http.Find(r => !r.Service.IsAlternativeTo(port.Service)) is { } route)
                port.Field.Error(
                    $"HTTP routes are served on host port {port.Port.HostPort!.Value.ToString(CultureInfo.InvariantCulture)}, among them {route.Field.Path}; publish this one by x-appliance.ingress too, or on another port"
                );
        }
    }

    private static void Stays(ServiceDraft service, Draft draft)
    {
        if (service.Service.Host.Network)
            service.Ingress!.ErrorAtKey(
                "with network_mode: host the service has no address of its own that ingress could send requests to; remove one of them"
            );

        var waiting = draft.Services.FirstOrDefault(s =>
            s.DependsOn.Any(d =>
                d.Value.Condition == DependencyCondition.CompletedSuccessfully && d.Value.Service == service.Name
            )
        );
        if (service.Service.Restart is { Declared: true, Kind: RestartKind.No })
            service.Ingress!.ErrorAtKey(
                "ingress is for services that stay, and this one runs once (restart: \"no\"); remove one of them"
            );
        else if (waiting is not null)
            service.Ingress!.ErrorAtKey(
                $"ingress is for services that stay, and \"{waiting.Name}\" waits for this one to complete; remove one of them"
            );
    }

    private static string Described(IngressRoute route) =>
        route.Host is null ? $"{route.Path} of any host" : $"{route.Host}{route.Path}";

    private static Field Listen(Claim route) => route.Field.Child("listen")!;

    private static string Number(Claim route) => route.Route.Listen!.Value.ToString(CultureInfo.InvariantCulture);

    private sealed record Claim(ServiceDraft Service, IngressRoute Route, Field Field);
}
