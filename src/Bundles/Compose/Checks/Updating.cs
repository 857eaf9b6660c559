using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Checks;

/// <summary>With <c>start-first</c> the old container and the new one run at once: what only one may hold forbids it.</summary>
internal static class Updating
{
    public static void Check(Draft draft)
    {
        foreach (var service in draft.Services)
        {
            if (service.Service.Deploy.Update.Order != UpdateOrder.StartFirst || service.UpdateOrder is not { } order)
                continue;

            var writable = service.Mounts.FirstOrDefault(m =>
                m.Value is (VolumeMount or BindMount) and { ReadOnly: false }
            );
            var published = service.Ports.FirstOrDefault(p => p.Value.HostPort is not null);
            var fixedAddress = service.Networks.FirstOrDefault(n =>
                n.Value.Ipv4Address is not null || n.Value.Ipv6Address is not null
            );

            if (writable.Field is { } mount)
                order.Error(
                    $"start-first would have two containers write to {mount.Path} at once; use stop-first, or mount it read-only"
                );
            if (published.Field is { } port)
                order.Error(
                    $"start-first cannot work: the old container still holds the host port of {port.Path}; use stop-first"
                );
            if (fixedAddress.Field is { } network)
                order.Error(
                    $"start-first cannot work: the old container still holds the fixed address of {network.Path}; use stop-first"
                );
        }
    }
}
