using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Checks;

/// <summary>
/// With <c>start-first</c>, and while a canary is tried, the old container and the new one run at once: what only one may
/// hold forbids it.
/// </summary>
internal static class Updating
{
    public static void Check(Draft draft)
    {
        foreach (var service in draft.Services)
        {
            ShareSafe(service);
            if (service.Canary is { } canary)
                Canary(service, canary);
            if (service.Service.Deploy.Update.Order == UpdateOrder.StartFirst && service.UpdateOrder is { } order)
                AtOnce(service, "start-first", "use stop-first", order.Error);
            // Not twice: with start-first, which it needs, the same was said of that.
            else if (service.Canary is { } alone)
                AtOnce(service, "a canary", "remove the canary", alone.ErrorAtKey);
        }
    }

    private static void Canary(ServiceDraft service, Field canary)
    {
        if (service.Routes.All(r => r.Value.Protocol == IngressProtocol.Tcp))
            canary.ErrorAtKey(
                "a canary gets a share of the requests that come through ingress, and the service has no HTTP route there; add one to x-appliance.ingress, or remove the canary"
            );
        if (service.Service.Deploy.Update.Order != UpdateOrder.StartFirst)
            canary.ErrorAtKey(
                "a canary runs beside the old version; give the service deploy.update_config.order: start-first"
            );
    }

    private static void AtOnce(ServiceDraft service, string how, string instead, Action<string> error)
    {
        var writable = service.Mounts.FirstOrDefault(m =>
            m.Value is (VolumeMount or BindMount) and { ReadOnly: false }
            && !service.Service.ShareSafe.Contains(MountReader.SourceOf(m.Value)!)
        );
        var published = service.Ports.FirstOrDefault(p => p.Value.HostPort is not null);
        var fixedAddress = service.Networks.FirstOrDefault(n =>
            n.Value.Ipv4Address is not null || n.Value.Ipv6Address is not null
        );

        if (writable.Field is { } mount)
            error(
                $"{how} would have two containers write to {mount.Path} at once; {instead}, mount it read-only, or list \"{MountReader.SourceOf(writable.Value)}\" under x-appliance.share-safe if the service can take that"
            );
        if (published.Field is { } port)
            error($"{how} cannot work: the old container still holds the host port of {port.Path}; {instead}");
        if (fixedAddress.Field is { } network)
            error($"{how} cannot work: the old container still holds the fixed address of {network.Path}; {instead}");
    }

    private static void ShareSafe(ServiceDraft service)
    {
        var mounted = service.Mounts.Select(m => MountReader.SourceOf(m.Value)).OfType<string>().ToHashSet();
        foreach (var (source, field) in service.ShareSafe)
        {
            if (!mounted.Contains(source))
                field.Error(
                    $"the service mounts no volume \"{Field.Shorten(source)}\"{Spelling.DidYouMean(source, mounted)}"
                );
        }
    }
}
