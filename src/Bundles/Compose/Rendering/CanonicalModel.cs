using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Rendering;

/// <summary>A model as a Compose document in one fixed spelling: long forms, fixed order of keys, defaults left out.</summary>
internal static class CanonicalModel
{
    public static CanonicalNode Of(ComposeModel model) =>
        new CanonicalMap()
            .Add("name", model.Name)
            .AddNonEmpty(
                "x-appliance",
                new CanonicalMap()
                    .Add("version", model.Version?.Text)
                    .Add("description", model.Description)
                    .Add("upgrade-from", model.UpgradeFrom?.Text)
                    .AddNonEmpty("requirements", Requirements(model.Requirements))
                    .Add("fall-back", model.FallBack)
            )
            .AddEach("services", model.Services.Values.ToList(), s => s.Name, CanonicalService.Of)
            .AddEach("networks", model.Networks.Values.ToList(), n => n.Name, Network)
            .AddEach("volumes", model.Volumes.Values.ToList(), v => v.Name, Volume)
            .AddEach("secrets", model.Secrets.Values.ToList(), s => s.Name, File)
            .AddEach("configs", model.Configs.Values.ToList(), c => c.Name, File)
            .ToNode();

    private static CanonicalMap Requirements(Requirements needed) =>
        new CanonicalMap()
            .Add("agent", needed.Agent?.Text)
            .Add("disk", needed.DiskBytes is { } disk ? ByteSizes.Format(disk) : null)
            .Add("memory", needed.MemoryBytes is { } memory ? ByteSizes.Format(memory) : null);

    private static CanonicalNode Network(ComposeNetwork network) =>
        new CanonicalMap()
            .Add("driver", "bridge")
            .AddNonEmpty("driver_opts", network.DriverOptions)
            .Add("internal", network.Internal)
            .Add("attachable", network.Attachable)
            .Add("enable_ipv6", network.EnableIpv6)
            .AddNonEmpty("ipam", new CanonicalMap().AddNonEmpty("config", network.Pools, Pool))
            .AddNonEmpty("labels", network.Labels)
            .ToNode();

    private static CanonicalNode Pool(IpamPool pool) =>
        new CanonicalMap()
            .Add("subnet", pool.Subnet)
            .Add("ip_range", pool.Range)
            .Add("gateway", pool.Gateway)
            .AddNonEmpty("aux_addresses", pool.AuxiliaryAddresses)
            .ToNode();

    private static CanonicalNode Volume(ComposeVolume volume) =>
        new CanonicalMap()
            .Add("driver", "local")
            .AddNonEmpty("driver_opts", volume.DriverOptions)
            .AddNonEmpty("labels", volume.Labels)
            .AddNonEmpty(
                "x-appliance",
                new CanonicalMap().AddNonEmpty(
                    "data",
                    new CanonicalMap()
                        .Add("breaking", volume.Data.Breaking?.Text)
                        .Add("expand", volume.Data.Expand?.Text)
                )
            )
            .ToNode();

    private static CanonicalNode File(ComposeFile file) =>
        new CanonicalMap()
            .Add("file", (file.Source as FileFromRelease)?.Path)
            .Add("content", (file.Source as InlineFile)?.Content)
            .AddNonEmpty("labels", file.Labels)
            .ToNode();
}
