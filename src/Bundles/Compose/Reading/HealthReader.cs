using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Docker's <c>healthcheck</c> and the agent's <c>x-appliance.probes</c>.</summary>
internal static partial class HealthReader
{
    private static readonly KeySet s_healthKeys = new(
        "healthcheck",
        ["test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"]
    );

    private static readonly KeySet s_probeKeys = new(
        "probe",
        ["http", "tcp", "exec", "interval", "timeout", "start-period", "healthy-after", "unhealthy-after"],
        extensions: false
    );

    private static readonly KeySet s_httpKeys = new(
        "http probe",
        ["port", "path", "scheme", "status", "contains", "headers"],
        extensions: false
    );

    private static readonly KeySet s_tcpKeys = new("tcp probe", ["port"], extensions: false);
    private static readonly KeySet s_execKeys = new("exec probe", ["command"], extensions: false);
    private static readonly Dictionary<string, bool> s_schemes = new() { ["http"] = true, ["https"] = true };

    public static HealthCheck? HealthCheck(Field? field)
    {
        if (field is null)
            return null;

        var map = field.Map(s_healthKeys);
        var disable = map["disable"]?.Bool() ?? false;
        var testField = map["test"];
        var test = testField is null ? [] : Test(testField);
        if (disable && test is not ([] or ["NONE"]))
            testField!.Error("a test, and \"disable: true\"; remove one of them");

        return new(
            disable ? ["NONE"] : test,
            map["interval"]?.PositiveDuration(),
            map["timeout"]?.PositiveDuration(),
            map["retries"]?.Int(1, int.MaxValue),
            map["start_period"]?.Duration(),
            map["start_interval"]?.PositiveDuration()
        );
    }

    public static IReadOnlyList<Probe> Probes(Field? field) =>
        [.. field?.Items("a list of probes").Select(Probe).OfType<Probe>() ?? []];

    private static IReadOnlyList<string> Test(Field field)
    {
        if (field.IsScalar)
            return field.Name() is { } line ? ["CMD-SHELL", line] : [];

        var test = field.Texts();
        switch (test)
        {
            case ["NONE"] or ["CMD", _, ..] or ["CMD-SHELL", _]:
                break;
            case ["CMD-SHELL", _, ..]:
                field.Error("CMD-SHELL takes one line; put it into a single string");
                break;
            default:
                field.Error(
                    "must be a string, or a list that begins with CMD, CMD-SHELL or NONE: [\"CMD\", \"pg_isready\"]"
                );
                break;
        }

        return test;
    }

    private static Probe? Probe(Field field)
    {
        var map = field.Map(s_probeKeys, "a probe (a mapping with http, tcp or exec)");
        var timing = Timing(map);
        string[] kinds = ["http", "tcp", "exec"];
        if (kinds.Count(map.Has) != 1)
        {
            if (field.IsMap)
                field.Error("a probe has exactly one of http, tcp and exec");
            return null;
        }

        if (map["http"] is { } http)
            return Http(http, timing);

        if (map["tcp"]?.Map(s_tcpKeys).Required("port", "the port inside the container")?.Int(1, 65535) is { } port)
            return new TcpProbe(port, timing);

        if (map["exec"]?.Map(s_execKeys).Required("command", "what to run inside the container") is { } exec)
        {
            var command = exec.Texts();
            if (command.Count > 0)
                return new ExecProbe(command, timing);
            exec.Error("must name a program");
        }

        return null;
    }

    private static HttpProbe? Http(Field field, ProbeTiming timing)
    {
        var map = field.Map(s_httpKeys);
        var port = map.Required("port", "the port inside the container")?.Int(1, 65535);
        var path = map["path"]?.Name() ?? "/";
        if (!path.StartsWith('/') || path.Any(c => c is <= ' ' or > '~' or '#'))
            map["path"]!.Error("must start with \"/\" and be written as in a URL (a blank is %20)");

        map["scheme"]?.OneOf(s_schemes);
        var scheme = map["scheme"]?.TextOrNumber() ?? "http";
        var statuses = map["status"] is { } status ? Statuses(status) : [new StatusRange(200, 399)];
        var contains = map["contains"]?.Name();

        var headers = new OrderedDictionary<string, string>();
        foreach (var (name, value) in map["headers"]?.Entries() ?? [])
        {
            if (!HeaderName().IsMatch(name))
                value.ErrorAtKey($"\"{Field.Shorten(name)}\" is not a header's name");
            if (value.TextOrNumber() is not { } text)
                continue;
            if (text.Any(c => c is < ' ' or > '~'))
                value.Error("a header's value is printable ASCII");
            headers[name] = text;
        }

        return port is null ? null : new(port.Value, path, scheme, statuses, contains, headers, timing);
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
}
