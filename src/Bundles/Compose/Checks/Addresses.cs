using System.Net;
using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Checks;

/// <summary>Subnets do not overlap, and fixed addresses lie in them and are used once.</summary>
internal static class Addresses
{
    public static void Check(Draft draft)
    {
        var pools = new List<(string Network, IPNetwork Subnet)>();
        foreach (var (network, field) in draft.Networks)
        {
            foreach (var subnet in network.Pools.Select(p => IPNetwork.Parse(p.Subnet)))
            {
                foreach (var other in pools.Where(p => Overlap(p.Subnet, subnet)))
                    Place(field)
                        .Error($"the subnet {subnet} overlaps with {other.Subnet} of network \"{other.Network}\"");
                pools.Add((network.Name, subnet));
            }
        }

        var taken = new Dictionary<(string Network, string Address), string>();
        foreach (var service in draft.Services)
        {
            foreach (var (end, field) in service.Networks)
            {
                foreach (var address in new[] { end.Ipv4Address, end.Ipv6Address }.OfType<string>())
                {
                    if (!pools.Any(p => p.Network == end.Network && p.Subnet.Contains(IPAddress.Parse(address))))
                        field.Error(
                            $"{address} is in no subnet of network \"{end.Network}\"; declare one under its ipam.config"
                        );
                    if (!taken.TryAdd((end.Network, address), field.Path))
                        field.Error($"{address} is used already, by {taken[(end.Network, address)]}");
                    if (service.Service.Deploy.Replicas > 1)
                        field.Error($"{service.Service.Deploy.Replicas} replicas cannot share the address {address}");
                }
            }
        }
    }

    private static Field Place(Field network) => network.Child("ipam")?.Child("config") ?? network;

    private static bool Overlap(IPNetwork a, IPNetwork b) =>
        a.BaseAddress.AddressFamily == b.BaseAddress.AddressFamily
        && (a.Contains(b.BaseAddress) || b.Contains(a.BaseAddress));
}
