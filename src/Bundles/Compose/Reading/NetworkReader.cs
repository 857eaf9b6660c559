using System.Net;
using System.Net.Sockets;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Networks, the services' ends on them, and names and name servers.</summary>
internal static class NetworkReader
{
    private static readonly KeySet s_keys = new(
        "network",
        ["driver", "driver_opts", "internal", "ipam", "labels", "enable_ipv6", "attachable"],
        new Dictionary<string, string>
        {
            ["external"] =
                "external networks are not supported: an appliance has none but the release's; remove \"external\"",
            ["name"] = "a name of its own is not supported: the agent names networks after the product",
            ["enable_ipv4"] = "enable_ipv4 is not supported; every network has IPv4",
        }
    );

    private static readonly KeySet s_ipamKeys = new(
        "ipam",
        ["driver", "config"],
        new Dictionary<string, string> { ["options"] = "options of an address driver are not supported" }
    );

    private static readonly KeySet s_poolKeys = new("address pool", ["subnet", "ip_range", "gateway", "aux_addresses"]);

    private static readonly KeySet s_endKeys = new(
        "service's network",
        ["aliases", "ipv4_address", "ipv6_address", "priority"],
        new Dictionary<string, string>
        {
            ["driver_opts"] = "driver_opts belong to the top-level network",
            ["gw_priority"] = "gw_priority is not supported by the appliance's engine",
            ["interface_name"] = "interface_name is not supported by the appliance's engine",
            ["link_local_ips"] = "link_local_ips is not supported",
            ["mac_address"] = "mac_address is not supported; the engine chooses it",
        }
    );

    private static readonly Dictionary<string, bool> s_drivers = new() { ["bridge"] = true };
    private static readonly Dictionary<string, bool> s_ipamDrivers = new() { ["default"] = true };

    public static ComposeNetwork Network(string name, Field field)
    {
        // Without a body the network has all defaults.
        if (field.IsNull)
            return new ComposeNetwork { Name = name };

        var map = field.Map(s_keys);
        if (
            map["driver"] is { } driver
            && driver.TextOrNumber() is "host" or "none" or "overlay" or "macvlan" or "ipvlan"
        )
            driver.Error("only \"bridge\" is supported: the other drivers join the host's or the site's networks");
        else
            map["driver"]?.OneOf(s_drivers);

        return new ComposeNetwork
        {
            Name = name,
            Internal = map["internal"]?.Bool() ?? false,
            Attachable = map["attachable"]?.Bool() ?? false,
            EnableIpv6 = map["enable_ipv6"]?.Bool() ?? false,
            Pools = map["ipam"] is { } ipam ? Pools(ipam.Map(s_ipamKeys)) : [],
            DriverOptions = EnvironmentReader.Options(map["driver_opts"]),
            Labels = EnvironmentReader.Labels(map["labels"]),
        };
    }

    public static IReadOnlyList<Placed<ServiceNetwork>> OfService(MapReader service, bool onHost)
    {
        var field = service["networks"];
        if (onHost)
        {
            field?.ErrorAtKey("network_mode: host leaves no room for networks; remove one of them");
            return [];
        }

        var ends = new List<Placed<ServiceNetwork>>();
        if (field is { IsMap: true })
        {
            foreach (var (network, value) in field.Entries())
                ends.Add(new(End(network, value), value));
        }
        else
        {
            foreach (var item in field?.Items("a list of networks, or a mapping") ?? [])
            {
                if (item.Name() is not { } network)
                    continue;
                if (ends.Any(e => e.Value.Network == network))
                    item.Error($"\"{network}\" is listed twice");
                else
                    ends.Add(new(new(network, [], null, null, 0), item));
            }
        }

        if (ends.Count == 0)
            ends.Add(new(new(ComposeNetwork.DefaultName, [], null, null, 0), field ?? service.Field));
        return ends;
    }

    public static IReadOnlyList<ExtraHost> ExtraHosts(Field? field)
    {
        var hosts = new List<ExtraHost>();
        if (field is { IsMap: true })
        {
            foreach (var (host, value) in field.Entries())
            {
                foreach (var address in value.TextOrTexts())
                    Add(value, host, address);
            }

            return hosts;
        }

        foreach (var item in field?.Items("a mapping, or a list of \"name=address\"") ?? [])
        {
            if (item.Text() is not { } text)
                continue;

            // "name=address", and the older "name:address"; an IPv6 address has colons of its own.
            var split = text.IndexOf('=', StringComparison.Ordinal) is > 0 and var equals
                ? equals
                : text.IndexOf(':', StringComparison.Ordinal);
            if (split > 0)
                Add(item, text[..split], text[(split + 1)..]);
            else
                item.Error("must be \"name=address\"");
        }

        return hosts;

        void Add(Field at, string host, string address)
        {
            if (address == "host-gateway")
                hosts.Add(new(host, address));
            else if (Address(at, address.Trim('[', ']')) is { } ip)
                hosts.Add(new(host, ip));
        }
    }

    public static IReadOnlyList<string> Dns(Field? field) =>
        field is null ? []
        : field.IsScalar ? (field.Name() is { } one && Address(field, one) is { } ip ? [ip] : [])
        :
        [
            .. field
                .Items("an address, or a list of them")
                .Select(i => i.Name() is { } text ? Address(i, text) : null)
                .OfType<string>(),
        ];

    private static ServiceNetwork End(string network, Field field)
    {
        if (field.IsNull)
            return new(network, [], null, null, 0);

        var map = field.Map(s_endKeys);
        return new(
            network,
            map["aliases"]?.Texts() ?? [],
            Address(map["ipv4_address"], AddressFamily.InterNetwork),
            Address(map["ipv6_address"], AddressFamily.InterNetworkV6),
            map["priority"]?.Int(0, int.MaxValue) ?? 0
        );
    }

    private static List<IpamPool> Pools(MapReader ipam)
    {
        ipam["driver"]?.OneOf(s_ipamDrivers);
        var pools = new List<IpamPool>();
        foreach (var item in ipam["config"]?.Items("a list of address pools") ?? [])
        {
            var map = item.Map(s_poolKeys);
            if (Subnet(map.Required("subnet", "the addresses of the network, like 172.28.0.0/16")) is not { } subnet)
                continue;

            var range = Subnet(map["ip_range"]);
            if (range is { } r && !(subnet.Contains(r.BaseAddress) && r.PrefixLength >= subnet.PrefixLength))
                map["ip_range"]!.Error($"{r} is not inside the subnet {subnet}");

            var gateway = Inside(map["gateway"], subnet);
            var others = new OrderedDictionary<string, string>();
            foreach (var (host, value) in map["aux_addresses"]?.Entries() ?? [])
            {
                if (Inside(value, subnet) is { } address)
                    others[host] = address;
            }

            pools.Add(new(subnet.ToString(), range?.ToString(), gateway, others));
        }

        return pools;
    }

    private static IPNetwork? Subnet(Field? field)
    {
        if (field?.Name() is not { } text)
            return null;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (
            slash > 0
            && IPNetwork.TryParse(text, out var network)
            && IPAddress.Parse(text[..slash]).Equals(network.BaseAddress)
        )
            return network;

        var hint =
            slash > 0
            && IPAddress.TryParse(text[..slash], out var address)
            && int.TryParse(text[(slash + 1)..], out var length)
            && length >= 0
            && length <= address.GetAddressBytes().Length * 8
                ? $"; with {length} bits it begins at {Masked(address, length)}/{length}"
                : ", like 172.28.0.0/16";
        field.Error($"\"{Field.Shorten(text)}\" is not a block of addresses{hint}");
        return null;
    }

    private static IPAddress Masked(IPAddress address, int length)
    {
        var bytes = address.GetAddressBytes();
        for (var bit = length; bit < bytes.Length * 8; bit++)
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        return new(bytes);
    }

    private static string? Inside(Field? field, IPNetwork subnet)
    {
        if (field?.Name() is not { } text || Address(field, text) is not { } address)
            return null;
        if (!subnet.Contains(IPAddress.Parse(address)))
            field.Error($"{address} is not inside the subnet {subnet}");
        return address;
    }

    private static string? Address(Field? field, AddressFamily family)
    {
        if (field?.Name() is not { } text || Address(field, text) is not { } address)
            return null;
        if (IPAddress.Parse(address).AddressFamily == family)
            return address;
        field.Error($"{address} is not an {(family == AddressFamily.InterNetwork ? "IPv4" : "IPv6")} address");
        return null;
    }

    // IPAddress also takes "1" and "0x7f.1", which nobody means.
    private static string? Address(Field field, string text)
    {
        if (
            IPAddress.TryParse(text, out var address)
            && (address.AddressFamily == AddressFamily.InterNetworkV6 || address.ToString() == text)
        )
            return address.ToString();
        field.Error($"\"{Field.Shorten(text)}\" is not an IP address");
        return null;
    }
}
