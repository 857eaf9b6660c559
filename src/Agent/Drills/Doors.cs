using System.Globalization;
using System.Net;
using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Drills;

/// <summary>Where clients from outside reach a service.</summary>
/// <param name="Uri">What they ask for; with the scheme <c>tcp</c> they only connect.</param>
/// <param name="Host">The host name that they ask for; null: that of the address.</param>
internal sealed record Door(Uri Uri, string? Host)
{
    public bool IsTcp => Uri.Scheme == "tcp";

    public override string ToString() => Host is null ? $"{Uri}" : $"{Uri} (host {Host})";
}

/// <summary>Finds the door at which a drill asks, as any client would.</summary>
internal sealed class Doors(ISupervisor supervisor, IOptionsMonitor<IngressOptions> ingress)
{
    /// <returns>Null: nobody reaches it from outside.</returns>
    public Door? Of(string service)
    {
        var view = supervisor.View;
        var probes = view.Targets.Where(t => t.Service == service).SelectMany(t => t.Probes).ToList();
        if (
            ingress.CurrentValue.Enabled
            && view.Published.FirstOrDefault(p => p.Name == service) is { } published
            && OfRoutes(published.Routes, probes, ingress.CurrentValue) is { } door
        )
            return door;
        return OfPorts(view.Service(service)?.Ports ?? [], probes);
    }

    /// <summary>Pure.</summary>
    public static Door? OfRoutes(
        IReadOnlyList<IngressRoute> routes,
        IReadOnlyList<Probe> probes,
        IngressOptions options
    )
    {
        var address = options.BindAddress == "*" ? "127.0.0.1" : options.BindAddress;
        if (routes.FirstOrDefault(r => r.Protocol is IngressProtocol.Http or IngressProtocol.Https) is { } http)
        {
            var (scheme, port) = options.RedirectHttp ? ("https", options.HttpsPort) : ("http", options.HttpPort);
            return new Door(
                Address(scheme, address, port, PathFor(http.Port, probes, http.Path) ?? http.Path),
                // Any name below the one that a wildcard is for.
                http.Host?.Replace("*", "drill", StringComparison.Ordinal)
            );
        }
        return routes.FirstOrDefault(r => r.Protocol is IngressProtocol.Tcp) is { Listen: { } listen }
            ? new Door(Address("tcp", address, listen, "/"), null)
            : null;
    }

    /// <summary>Pure: from ports as <c>127.0.0.1:8080->80/tcp</c>.</summary>
    public static Door? OfPorts(IReadOnlyList<string> ports, IReadOnlyList<Probe> probes)
    {
        foreach (var port in ports.Where(p => p.EndsWith("/tcp", StringComparison.Ordinal)))
        {
            if (
                port[..^"/tcp".Length].Split("->") is not [var outside, var inside]
                || outside.LastIndexOf(':') is not (>= 0 and var colon)
                || !int.TryParse(outside[(colon + 1)..], CultureInfo.InvariantCulture, out var listen)
                || !int.TryParse(inside, CultureInfo.InvariantCulture, out var target)
            )
                continue;
            var bound = IPAddress.TryParse(outside[..colon].Trim('[', ']'), out var parsed)
                ? parsed
                : IPAddress.Loopback;
            var address =
                bound.Equals(IPAddress.Any) || bound.Equals(IPAddress.IPv6Any)
                    ? IPAddress.Loopback.ToString()
                    : $"{bound}";
            return PathFor(target, probes, "/") is { } path
                ? new Door(Address("http", address, listen, path), null)
                : new Door(Address("tcp", address, listen, "/"), null);
        }
        return null;
    }

    /// <summary>What a probe asks for costs little, and is meant to be asked often.</summary>
    private static string? PathFor(int port, IReadOnlyList<Probe> probes, string below) =>
        probes
            .OfType<HttpProbe>()
            .Where(p =>
                p.Port == port
                && (below == "/" || p.Path == below || p.Path.StartsWith($"{below}/", StringComparison.Ordinal))
            )
            .OrderByDescending(p => p.Role.HasFlag(ProbeRole.Liveness))
            .FirstOrDefault()
            ?.Path;

    private static Uri Address(string scheme, string host, int port, string path) =>
        new(
            $"{scheme}://{(host.Contains(':') ? $"[{host}]" : host)}:{port.ToString(CultureInfo.InvariantCulture)}{path}"
        );
}
