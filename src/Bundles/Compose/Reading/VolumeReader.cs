using Appliance.Bundles.Compose.Checks;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Top-level volumes: local ones, whose driver options must not be a way around the rules for binds.</summary>
internal static class VolumeReader
{
    private static readonly KeySet s_keys = new(
        "volume",
        ["driver", "driver_opts", "labels", "x-appliance"],
        new Dictionary<string, string>
        {
            ["external"] =
                "external volumes are not supported: an appliance has none but the release's; remove \"external\"",
            ["name"] = "a name of its own is not supported: the agent names volumes after the product",
        }
    );

    private static readonly KeySet s_optionKeys = new(
        "local volume's driver_opts",
        ["type", "o", "device", "size"],
        extensions: false
    );
    private static readonly Dictionary<string, bool> s_drivers = new() { ["local"] = true };
    private static readonly string[] s_types = ["none", "bind", "tmpfs", "nfs", "nfs4", "cifs"];

    // Mount flags that turn a mount into something else than its type says.
    private static readonly string[] s_forbiddenFlags = ["remount", "move", "shared", "rshared", "slave", "rslave"];

    /// <param name="version">The release's, as far as it is known.</param>
    public static ComposeVolume Volume(string name, Field field, Allowances allowances, SemanticVersion? version)
    {
        if (field.IsNull)
            return new(name, Empty.Strings, Empty.Strings);

        var map = field.Map(s_keys);
        map["driver"]?.OneOf(s_drivers);
        if (map["driver_opts"] is { } options)
            CheckOptions(options.Map(s_optionKeys), allowances);
        return new(name, EnvironmentReader.Options(map["driver_opts"]), EnvironmentReader.Labels(map["labels"]))
        {
            Data = DataReader.Of(map["x-appliance"], version),
        };
    }

    private static void CheckOptions(MapReader options, Allowances allowances)
    {
        var type = options["type"]?.AnyScalar() ?? "";
        var device = options["device"]?.AnyScalar() ?? "";
        var flags = (options["o"]?.AnyScalar() ?? "").Split(',').Select(f => f.Trim()).ToList();
        foreach (var flag in flags.Intersect(s_forbiddenFlags))
            options["o"]!.Error($"the mount flag \"{flag}\" is forbidden");

        if (type.Length > 0 && !s_types.Contains(type))
        {
            // Of a file system on a device, or one like overlay that is made of host paths.
            options["type"]!.Error($"\"{Field.Shorten(type)}\" is not one of {string.Join(", ", s_types)}");
            return;
        }

        // The kernel looks at the flag and not at the type.
        if (flags.Contains("bind") || flags.Contains("rbind") || type is "none" or "bind")
            CheckBind(options, device, allowances);
        else if (type is "" && device.Length > 0)
            options["device"]!.Error("a device needs a \"type\"");
    }

    private static void CheckBind(MapReader options, string device, Allowances allowances)
    {
        if (options["device"] is not { } field)
        {
            options.Field.Error("a bind needs a \"device\": an absolute path on the host");
            return;
        }

        if (!device.StartsWith('/'))
        {
            field.Error($"\"{Field.Shorten(device)}\" is not an absolute path on the host");
            return;
        }

        var path = HostPaths.Normalise(device);
        var allowance = $"bind: {path}";
        if (HostPaths.WhyForbidden(path) is { } reason && !allowances.Allow(Allowances.Volumes, allowance))
            field.Error($"may not bind {path}: {reason} (allowance \"{allowance}\")");
    }
}
