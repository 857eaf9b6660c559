using System.Net;
using System.Text.RegularExpressions;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Ingress;

/// <summary>Which requests a backend gets.</summary>
/// <param name="Host">Lower-case, or <c>*.name</c>; null: any.</param>
/// <param name="Path"><c>/</c>, or one without a slash at its end: this one and all below it.</param>
internal sealed record ShapeRoute(string? Host, string Path, string Backend);

/// <summary>A port of its own.</summary>
/// <param name="Address">Null: where clients come to.</param>
/// <param name="IsHttp">Whether requests are told apart, or bytes are passed on.</param>
internal sealed record ShapeListener(string? Address, int Port, bool IsHttp, string Backend)
{
    /// <summary>Who is let in; empty: everybody.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];
}

/// <summary>
/// What can be changed by a reload only: everything but which servers there are. Pure: from what is published, and how much
/// room its servers have now.
/// </summary>
/// <param name="Routes">The first that fits counts.</param>
/// <param name="LeftOut">What of the published services has no place in it, and why, in sentences without full stops.</param>
internal sealed partial record IngressShape(
    IReadOnlyList<Backend> Backends,
    IReadOnlyList<ShapeRoute> Routes,
    IReadOnlyList<ShapeListener> Listeners,
    IReadOnlyList<string> LeftOut
)
{
    private const int LongestHost = 253;
    private const int LongestPath = 512;

    /// <param name="slots">By backend, how many places it has, and how many are in use by who is not published any more.</param>
    public static IngressShape Of(
        IReadOnlyList<PublishedService> published,
        IngressOptions options,
        Func<string, (int Has, int Others)> slots
    )
    {
        var making = new Making(options, slots);
        foreach (var service in published)
            making.Add(service);
        return making.Done();
    }

    private sealed class Making(IngressOptions options, Func<string, (int Has, int Others)> slots)
    {
        private readonly Dictionary<string, Backend> backends = [];
        private readonly Dictionary<(string? Host, string Path), ShapeRoute> routes = [];
        private readonly Dictionary<(string? Address, int Port), ShapeListener> listeners = [];
        private readonly List<string> leftOut = [];

        public void Add(PublishedService service)
        {
            foreach (var route in service.Routes)
            {
                if (WhyNot(route) is { } why)
                    leftOut.Add($"a route of {service.Name}: {why}");
                else if (route.Protocol is IngressProtocol.Tcp)
                    Listen(service, new(null, route.Listen!.Value, IsHttp: false, ""), route.Port, route.Protocol);
                else if (routes.ContainsKey((route.Host, route.Path)))
                    leftOut.Add($"a route of {service.Name}: {route.Host ?? "any host"}{route.Path} is taken");
                else
                    routes[(route.Host, route.Path)] = new(
                        route.Host,
                        route.Path,
                        Of(service, route.Port, route.Protocol)
                    );
            }
            if (service.Internal is not { } inside)
                return;
            foreach (var address in inside.Addresses)
            {
                if (
                    !IPAddress.TryParse(address, out var parsed)
                    || !inside.Sources.All(s => IPNetwork.TryParse(s, out _))
                )
                {
                    leftOut.Add($"{service.Name} from other services: {address} or who it is for is no address");
                    continue;
                }
                foreach (var (port, protocol) in inside.Ports)
                {
                    var isHttp = protocol is IngressProtocol.Http or IngressProtocol.H2c;
                    Listen(
                        service,
                        new(parsed.ToString(), port, isHttp, "") { Sources = inside.Sources },
                        port,
                        // Who speaks TLS to a container goes on doing so: it is passed on as it is.
                        isHttp ? protocol : IngressProtocol.Tcp
                    );
                }
            }
        }

        public IngressShape Done() =>
            new(
                [.. backends.Values.OrderBy(b => b.Name, StringComparer.Ordinal)],
                [
                    .. routes
                        .Values.OrderBy(r => Generality(r.Host))
                        // *.a.example.com before *.example.com.
                        .ThenByDescending(r => r.Host?.Length ?? 0)
                        .ThenBy(r => r.Host, StringComparer.Ordinal)
                        .ThenByDescending(r => r.Path.Length)
                        .ThenBy(r => r.Path, StringComparer.Ordinal),
                ],
                [.. listeners.Values.OrderBy(l => l.Address, StringComparer.Ordinal).ThenBy(l => l.Port)],
                leftOut
            );

        private void Listen(PublishedService service, ShapeListener listener, int port, IngressProtocol protocol)
        {
            var key = (listener.Address, listener.Port);
            if (listeners.ContainsKey(key))
                leftOut.Add($"port {listener.Port} of {service.Name}: {listener.Address ?? "the port"} is taken");
            else
                listeners[key] = listener with
                {
                    Backend = Of(service, port, protocol, isInside: listener.Address is not null),
                };
        }

        // Who comes from outside may be kept out while other services go on: each has a backend of its own.
        private string Of(PublishedService service, int port, IngressProtocol protocol, bool isInside = false)
        {
            var name = Backend.NameOf(service.Name, port, protocol, isInside);
            if (!backends.ContainsKey(name))
            {
                var (has, others) = slots(name);
                var needs = service.Servers.Count + others;
                // Places that are there stay: to give them back would take a reload.
                backends[name] = new(
                    name,
                    service.Name,
                    port,
                    protocol,
                    has >= needs && has > 0 ? has : Backend.RoomFor(needs)
                )
                {
                    IsInside = isInside,
                };
            }
            return name;
        }

        private string? WhyNot(IngressRoute route) =>
            route.Port is < 1 or > 65535 ? $"{route.Port} is no port"
            : route.Protocol is IngressProtocol.Tcp
                ? route.Listen is not (> 0 and <= 65535) ? "it does not say on which port it listens"
                    : route.Listen == options.HttpPort || route.Listen == options.HttpsPort
                        ? $"port {route.Listen} is the appliance's own"
                    : null
            : route.Host is { } host && (host.Length > LongestHost || !HostName().IsMatch(host))
                ? "its host is no host name"
            : route.Path.Length > LongestPath || !PathOfUrl().IsMatch(route.Path) ? "its path is no path of a URL"
            : null;

        private static int Generality(string? host) =>
            host is null ? 2
            : host.StartsWith('*') ? 1
            : 0;
    }

    [GeneratedRegex(
        @"^(\*\.)?[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex HostName();

    // RFC 3986, section 3.3, without a slash at its end.
    [GeneratedRegex(
        @"^(/|(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+)\z",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex PathOfUrl();
}
