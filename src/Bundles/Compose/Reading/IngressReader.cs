using System.Globalization;
using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose.Reading;

/// <summary><c>x-appliance.ingress</c> and <c>x-appliance.canary</c>.</summary>
internal static partial class IngressReader
{
    // A line of the proxy's configuration has 2048 characters.
    private const int MaxPath = 512;

    private static readonly KeySet s_routeKeys = new(
        "route",
        ["port", "protocol", "host", "path", "listen"],
        new Dictionary<string, string>
        {
            ["certificate"] = "the certificate is set by the appliance's administrator; remove it",
            ["tls"] =
                "HTTP routes are always served with TLS, by the certificate of the appliance's administrator; remove it",
        },
        extensions: false
    );

    private static readonly KeySet s_canaryKeys = new(
        "canary",
        ["weight", "duration", "max-error-ratio"],
        extensions: false
    );

    private static readonly Dictionary<string, IngressProtocol> s_protocols = new()
    {
        ["http"] = IngressProtocol.Http,
        ["https"] = IngressProtocol.Https,
        ["h2c"] = IngressProtocol.H2c,
        // What engineers look for: gRPC is HTTP/2, and servers in containers mostly speak it without TLS.
        ["grpc"] = IngressProtocol.H2c,
        ["tcp"] = IngressProtocol.Tcp,
    };

    public static IReadOnlyList<Placed<IngressRoute>> Routes(Field? field)
    {
        var routes = new List<Placed<IngressRoute>>();
        foreach (var item in field?.Items("a list of routes, like [8080] or [{port: 8080, path: /api}]") ?? [])
        {
            if (Route(item) is { } route)
                routes.Add(new(route, item));
        }

        return routes;
    }

    public static Canary? Canary(Field? field)
    {
        if (field is null)
            return null;

        var map = field.Map(s_canaryKeys, "a mapping with weight, duration and max-error-ratio");
        var normal = Compose.Canary.Default;
        return new(
            map["weight"]?.Parse(Weight, "a share in per cent from 1 to 50, like 10 or 10%") ?? normal.Weight,
            map["duration"]?.PositiveDuration() ?? normal.Duration,
            map["max-error-ratio"]?.Decimal(0, 1) ?? normal.MaxErrorRatio
        );
    }

    private static IngressRoute? Route(Field item)
    {
        if (item.IsScalar)
            return item.Int(1, 65535) is { } number ? new(IngressProtocol.Http, number, null, "/", null) : null;

        var map = item.Map(s_routeKeys, "a port, or a mapping with at least \"port\"");
        var port = map.Required("port", "the port inside the container")?.Int(1, 65535);
        var protocol = map["protocol"] is { } word ? word.OneOf(s_protocols) : IngressProtocol.Http;
        return protocol switch
        {
            null => null,
            IngressProtocol.Tcp => Tcp(map, port),
            { } http => Http(map, http, port),
        };
    }

    private static IngressRoute? Http(MapReader map, IngressProtocol protocol, int? port)
    {
        map["listen"]?.ErrorAtKey("listen is for TCP routes: HTTP routes are all served on ports 80 and 443");
        var (hostField, pathField) = (map["host"], map["path"]);
        var host = hostField is null ? null : Host(hostField);
        var path = pathField is null ? "/" : Path(pathField);
        return port is null || path is null || (hostField is not null && host is null)
            ? null
            : new(protocol, port.Value, host, path, null);
    }

    private static IngressRoute? Tcp(MapReader map, int? port)
    {
        foreach (var key in new[] { "host", "path" })
            map[key]
                ?.ErrorAtKey($"a TCP connection names no {key}: routes with protocol: tcp have a \"listen\" instead");
        var listen = map.Required("listen", "the port of the appliance that connections come to")?.Int(1, 65535);
        return port is null || listen is null ? null : new(IngressProtocol.Tcp, port.Value, null, "/", listen);
    }

    private static string? Host(Field field)
    {
        if (field.Name() is not { } text)
            return null;
        if (Names.IsHostName(text.StartsWith("*.", StringComparison.Ordinal) ? text[2..] : text))
            return text.ToLowerInvariant();
        field.Error(
            $"\"{Field.Shorten(text)}\" is not a host name, like \"shop.example.com\", or \"*.example.com\" for all below one; without \"host\" it is for any"
        );
        return null;
    }

    private static string? Path(Field field)
    {
        if (field.Name() is not { } text)
            return null;
        if (text.Length <= MaxPath && Paths().IsMatch(text) && !text.Split('/').Any(s => s is "." or ".."))
            return text.Length > 1 ? text.TrimEnd('/') : text;
        field.Error(
            $"\"{Field.Shorten(text)}\" is not a path of a URL: it starts with \"/\", has no \"//\", \".\", \"..\", \"?\" or \"#\" in it (a blank is %20), and at most {MaxPath} characters"
        );
        return null;
    }

    private static int? Weight(string text) =>
        int.TryParse(
            text.EndsWith('%') ? text[..^1] : text,
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var weight
        ) && weight is >= 1 and <= 50
            ? weight
            : null;

    // RFC 3986, section 3.3: path-absolute.
    [GeneratedRegex(
        @"^/(([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+(/|\z))*\z",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        1000
    )]
    private static partial Regex Paths();
}
