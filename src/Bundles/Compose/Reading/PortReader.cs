using System.Globalization;
using System.Net;

namespace Appliance.Bundles.Compose.Reading;

/// <summary><c>ports</c> and <c>expose</c>.</summary>
internal static class PortReader
{
    private const string Forms = "must be \"[host_ip:][host:]container[/tcp|udp|sctp]\"";

    // Each port of a range is an entry of its own.
    private const int MaxRange = 1024;

    private static readonly KeySet s_keys = new(
        "port",
        ["target", "published", "protocol", "host_ip", "mode"],
        new Dictionary<string, string>
        {
            ["name"] = "a port's name has no use here; remove it",
            ["app_protocol"] = "app_protocol has no use here; remove it",
        }
    );

    public static IReadOnlyList<Placed<PortMapping>> Ports(Field? field)
    {
        var ports = new List<Placed<PortMapping>>();
        foreach (var item in field?.Items("a list of ports") ?? [])
            ports.AddRange((item.IsMap ? Long(item) : Short(item)).Select(p => new Placed<PortMapping>(p, item)));
        return ports;
    }

    public static IReadOnlyList<ContainerPort> Expose(Field? field)
    {
        var ports = new List<ContainerPort>();
        foreach (var item in field?.Items("a list of ports") ?? [])
        {
            if (item.TextOrNumber() is not { } text)
                continue;

            var (numbers, protocol) = SplitProtocol(item, text);
            if (protocol is null)
                continue;
            if (Range(numbers) is { } range)
                ports.AddRange(
                    Enumerable.Range(range.First, range.Count).Select(p => new ContainerPort(p, protocol.Value))
                );
            else
                item.Error($"\"{Field.Shorten(text)}\" is not a port; write \"3000\", \"3000-3005\" or \"53/udp\"");
        }

        return [.. ports.Distinct()];
    }

    private static IEnumerable<PortMapping> Short(Field item)
    {
        if (item.TextOrNumber() is not { } text)
            return [];

        var (rest, protocol) = SplitProtocol(item, text);
        if (protocol is null)
            return [];

        var lastColon = rest.LastIndexOf(':');
        var container = rest[(lastColon + 1)..];
        var before = lastColon < 0 ? "" : rest[..lastColon];
        var colon = before.LastIndexOf(':');
        var (ip, host) = colon < 0 ? ("", before) : (before[..colon], before[(colon + 1)..]);
        if (lastColon == 0 || colon == 0)
        {
            item.Error($"{Forms}; a part before a colon is missing");
            return [];
        }

        return Combine(item, ip, host, container, protocol.Value);
    }

    private static IEnumerable<PortMapping> Long(Field item)
    {
        var map = item.Map(s_keys);
        var target = map.Required("target", "the port inside the container")?.Int(1, 65535);
        var published = map["published"]?.TextOrNumber() ?? "";
        var ip = map["host_ip"]?.Name() ?? "";
        var protocol = map["protocol"] is { } p ? p.OneOf(s_protocols) : PortProtocol.Tcp;

        // On a single machine, which is all there is, both mean the same.
        map["mode"]?.OneOf(new Dictionary<string, bool> { ["host"] = true, ["ingress"] = true });
        return target is null || protocol is null
            ? []
            : Combine(item, ip, published, target.Value.ToString(CultureInfo.InvariantCulture), protocol.Value);
    }

    private static IEnumerable<PortMapping> Combine(
        Field item,
        string ip,
        string host,
        string container,
        PortProtocol protocol
    )
    {
        if (Range(container) is not { } inside)
        {
            item.Error(
                $"\"{Field.Shorten(container)}\" is not a port from 1 to 65535, or a range of at most {MaxRange}; {Forms}"
            );
            return [];
        }

        (int First, int Count)? outside = null;
        if (host.Length > 0 && (outside = Range(host)) is null)
        {
            item.Error(
                $"\"{Field.Shorten(host)}\" is not a host port from 1 to 65535, or a range of at most {MaxRange}; {Forms}"
            );
            return [];
        }

        if (outside is { } o && o.Count != inside.Count)
        {
            item.Error(
                $"{o.Count} host ports for {inside.Count} container ports; give each container port one host port"
            );
            return [];
        }

        var address = ip.Length == 0 ? null : ip.Trim('[', ']');
        if (address is not null && !IPAddress.TryParse(address, out _))
        {
            item.Error($"\"{Field.Shorten(ip)}\" is not an IP address; {Forms}");
            return [];
        }

        return Enumerable
            .Range(0, inside.Count)
            .Select(i => new PortMapping(
                address is null ? null : IPAddress.Parse(address).ToString(),
                outside?.First + i,
                inside.First + i,
                protocol
            ));
    }

    private static (string Ports, PortProtocol? Protocol) SplitProtocol(Field item, string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
            return (text, PortProtocol.Tcp);
        if (s_protocols.TryGetValue(text[(slash + 1)..].ToLowerInvariant(), out var protocol))
            return (text[..slash], protocol);

        item.Error($"\"{Field.Shorten(text[(slash + 1)..])}\" is not one of {string.Join(", ", s_protocols.Keys)}");
        return (text, null);
    }

    private static (int First, int Count)? Range(string text)
    {
        var ends = text.Split('-');
        if (ends.Length > 2 || Port(ends[0]) is not { } first || Port(ends[^1]) is not { } last)
            return null;
        return last >= first && last - first < MaxRange ? (first, last - first + 1) : null;
    }

    private static int? Port(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535
            ? port
            : null;

    private static readonly Dictionary<string, PortProtocol> s_protocols = new()
    {
        ["tcp"] = PortProtocol.Tcp,
        ["udp"] = PortProtocol.Udp,
        ["sctp"] = PortProtocol.Sctp,
    };
}
