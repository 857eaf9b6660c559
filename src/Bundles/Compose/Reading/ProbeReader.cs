using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>The agent's own checks, <c>x-appliance.probes</c>.</summary>
internal static partial class ProbeReader
{
    private static readonly KeySet s_keys = new(
        "probe",
        [
            "http",
            "tcp",
            "exec",
            "grpc",
            "role",
            "interval",
            "timeout",
            "start-period",
            "healthy-after",
            "unhealthy-after",
        ],
        extensions: false
    );

    private static readonly KeySet s_httpKeys = new(
        "http probe",
        ["port", "path", "scheme", "status", "contains", "headers", "expect-headers", "certificate-valid-for"],
        extensions: false
    );

    private static readonly KeySet s_tcpKeys = new("tcp probe", ["port"], extensions: false);
    private static readonly KeySet s_execKeys = new("exec probe", ["command"], extensions: false);
    private static readonly KeySet s_grpcKeys = new("grpc probe", ["port", "service", "tls"], extensions: false);
    private static readonly string[] s_kinds = ["http", "tcp", "exec", "grpc"];
    private static readonly Dictionary<string, bool> s_schemes = new() { ["http"] = true, ["https"] = true };

    /// <summary>The roles by the words for them, in the order in which they are printed.</summary>
    public static IReadOnlyDictionary<string, ProbeRole> Roles { get; } =
        new OrderedDictionary<string, ProbeRole>
        {
            ["startup"] = ProbeRole.Startup,
            ["readiness"] = ProbeRole.Readiness,
            ["liveness"] = ProbeRole.Liveness,
        };

    public static IReadOnlyList<Probe> Probes(Field? field) =>
        [.. field?.Items("a list of probes").Select(Probe).OfType<Probe>() ?? []];

    private static Probe? Probe(Field field)
    {
        var map = field.Map(s_keys, "a probe (a mapping with http, tcp, exec or grpc)");
        var (timing, role) = (Timing(map), Role(map["role"]));
        if (s_kinds.Count(map.Has) != 1)
        {
            if (field.IsMap)
                field.Error("a probe has exactly one of http, tcp, exec and grpc");
            return null;
        }

        Probe? probe =
            map["http"] is { } http ? Http(http, timing)
            : map["tcp"] is { } tcp ? Tcp(tcp, timing)
            : map["exec"] is { } exec ? Exec(exec, timing)
            : map["grpc"] is { } grpc ? Grpc(grpc, timing)
            : null;
        return probe is null ? null : probe with { Role = role };
    }

    private static HttpProbe? Http(Field field, ProbeTiming timing)
    {
        var map = field.Map(s_httpKeys);
        var port = Port(map);
        var path = map["path"]?.Name() ?? "/";
        if (!path.StartsWith('/') || path.Any(c => c is <= ' ' or > '~' or '#'))
            map["path"]!.Error("must start with \"/\" and be written as in a URL (a blank is %20)");

        map["scheme"]?.OneOf(s_schemes);
        var scheme = map["scheme"]?.TextOrNumber() ?? "http";
        var statuses = map["status"] is { } status ? Statuses(status) : [new StatusRange(200, 399)];
        var contains = map["contains"]?.Name();
        var headers = Headers(map["headers"]);
        var expected = Headers(map["expect-headers"]);
        foreach (var twice in expected.GroupBy(h => h.Key.ToLowerInvariant()).Where(g => g.Count() > 1))
            map["expect-headers"]!
                .Child(twice.Last().Key)!
                .ErrorAtKey($"the header \"{twice.First().Key}\" is given twice");

        var validFor = map["certificate-valid-for"]?.PositiveDays();
        if (scheme == "http")
            map["certificate-valid-for"]?.ErrorAtKey("there is a certificate with \"scheme: https\" only");

        return port is null
            ? null
            : new(port.Value, path, scheme, statuses, contains, headers, timing)
            {
                ExpectedHeaders = expected,
                CertificateValidFor = validFor,
            };
    }

    private static TcpProbe? Tcp(Field field, ProbeTiming timing) =>
        Port(field.Map(s_tcpKeys)) is { } port ? new(port, timing) : null;

    private static ExecProbe? Exec(Field field, ProbeTiming timing)
    {
        if (field.Map(s_execKeys).Required("command", "what to run inside the container") is not { } words)
            return null;

        var command = words.Texts();
        if (command.Count > 0)
            return new(command, timing);
        words.Error("must name a program");
        return null;
    }

    private static GrpcProbe? Grpc(Field field, ProbeTiming timing)
    {
        var map = field.Map(s_grpcKeys);
        var (port, service, tls) = (Port(map), map["service"]?.Name(), map["tls"]?.Bool() ?? false);
        if (service is not null && !GrpcServiceName().IsMatch(service))
            map["service"]!.Error(
                $"\"{Field.Shorten(service)}\" is not the name of a gRPC service, like \"shop.v1.Orders\"; leave it out to ask for the server as a whole"
            );
        return port is null ? null : new(port.Value, service, tls, timing);
    }

    private static int? Port(MapReader map) => map.Required("port", "the port inside the container")?.Int(1, 65535);

    private static OrderedDictionary<string, string> Headers(Field? field)
    {
        var headers = new OrderedDictionary<string, string>();
        foreach (var (name, value) in field?.Entries() ?? [])
        {
            if (!HeaderName().IsMatch(name))
                value.ErrorAtKey($"\"{Field.Shorten(name)}\" is not a header's name");
            if (value.TextOrNumber() is not { } text)
                continue;
            if (text.Any(c => c is < ' ' or > '~'))
                value.Error("a header's value is printable ASCII");
            headers[name] = text;
        }

        return headers;
    }

    private static List<StatusRange> Statuses(Field field)
    {
        var ranges = new List<StatusRange>();
        foreach (var part in (field.TextOrNumber() ?? "200").Split(','))
        {
            var ends = part.Trim().Split('-');
            if (ends.Length <= 2 && Status(ends[0]) is { } first && Status(ends[^1]) is { } last && first <= last)
            {
                ranges.Add(new(first, last));
                continue;
            }

            field.Error(
                $"\"{Field.Shorten(part.Trim())}\" is not a status or a range of them, like \"200\", \"200-399\" or \"200,401\""
            );
        }

        return ranges;
    }

    private static int? Status(string text) =>
        text.Length == 3 && int.TryParse(text, out var status) && status is >= 100 and <= 599 ? status : null;

    private static ProbeRole Role(Field? field)
    {
        if (field is null)
            return Compose.Probe.DefaultRole;

        var role = default(ProbeRole);
        var items = field.IsScalar ? [field] : field.Items("a role or a list of roles").ToList();
        foreach (var item in items)
        {
            if (item.OneOf(Roles) is not { } one)
                continue;
            if (role.HasFlag(one))
                item.Error($"\"{item.TextOrNumber()}\" is listed twice");
            role |= one;
        }

        if (field.IsList && items.Count == 0)
            field.Error($"must name at least one of {string.Join(", ", Roles.Keys)}");
        return role;
    }

    private static ProbeTiming Timing(MapReader map)
    {
        var normal = ProbeTiming.Default;
        var interval = map["interval"]?.PositiveDuration() ?? normal.Interval;
        var timeout = map["timeout"]?.PositiveDuration() ?? (interval < normal.Timeout ? interval : normal.Timeout);
        if (timeout > interval)
            map["timeout"]!.Error($"must not be longer than the interval ({Durations.Format(interval)})");

        return new(
            interval,
            timeout,
            map["start-period"]?.Duration() ?? normal.StartPeriod,
            map["healthy-after"]?.Int(1, 1000) ?? normal.HealthyAfter,
            map["unhealthy-after"]?.Int(1, 1000) ?? normal.UnhealthyAfter
        );
    }

    [GeneratedRegex(@"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}\z", RegexOptions.None, 1000)]
    private static partial Regex HeaderName();

    // A message of grpc.health.v1 takes any text; servers register the full names of their services.
    [GeneratedRegex(@"^[A-Za-z0-9_.-]{1,256}\z", RegexOptions.None, 1000)]
    private static partial Regex GrpcServiceName();
}
