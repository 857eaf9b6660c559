using Appliance.Bundles.Compose.Checks;

namespace Appliance.Bundles.Compose.Reading;

/// <summary><c>volumes</c> and <c>tmpfs</c> of a service.</summary>
internal sealed class MountReader(string service, ReadContext context)
{
    private const string NotOnTheAppliance =
        "the files beside the Compose file do not exist on the appliance; use \"configs:\" for files, or a named volume for data";

    private static readonly KeySet s_keys = new(
        "volume",
        ["type", "source", "target", "read_only", "bind", "volume", "tmpfs"],
        new Dictionary<string, string>
        {
            ["consistency"] = "consistency has no effect on Linux; remove it",
            ["image"] = "image mounts are not supported; copy what is needed into the service's image",
        }
    );

    private static readonly KeySet s_bindKeys = new(
        "bind",
        ["create_host_path"],
        new Dictionary<string, string>
        {
            ["propagation"] = "mount propagation is not supported; mounts of the host stay out of containers",
            ["selinux"] = "SELinux labels have no effect on the appliance; remove it",
            ["recursive"] = "recursive is not supported; submounts come along as the engine does it",
        }
    );

    private static readonly KeySet s_volumeKeys = new(
        "volume's options",
        ["nocopy"],
        new Dictionary<string, string>
        {
            ["subpath"] = "subpath is not supported by the appliance's engine; use a volume of its own",
            ["labels"] = "labels belong to the top-level volume",
        }
    );

    private static readonly KeySet s_tmpfsKeys = new("tmpfs", ["size", "mode"]);

    public IReadOnlyList<Placed<Mount>> Read(MapReader map)
    {
        var mounts = new List<Placed<Mount>>();
        foreach (var item in map["volumes"]?.Items("a list of volumes") ?? [])
            Add(item, item.IsMap ? Long(item) : Short(item));
        foreach (var item in Tmpfs(map["tmpfs"]))
            Add(item, TmpfsOf(item));
        return mounts;

        void Add(Field item, Mount? mount)
        {
            if (mount is null)
                return;
            // What is bound to where it is on the host was judged there already, or allowed.
            if (mount is not BindMount { Source: var source } || source != mount.Target)
                CheckRuntime(item, mount.Target);
            mounts.Add(new(mount, item));
        }
    }

    /// <summary>What is mounted, by the names that <see cref="SourceOf"/> has for it.</summary>
    public static IReadOnlyList<Placed<string>> ShareSafe(Field? field)
    {
        var sources = new List<Placed<string>>();
        foreach (var item in field?.Items("a list of volumes") ?? [])
        {
            if (item.Name() is not { } text)
                continue;
            var source = text.StartsWith('/') ? HostPaths.Normalise(text) : text;
            if (sources.Any(s => s.Value == source))
                item.Error($"\"{Field.Shorten(source)}\" is listed twice");
            else
                sources.Add(new(source, item));
        }

        return sources;
    }

    /// <summary>The volume's name, or the path of the host; null if the mount is the container's own.</summary>
    public static string? SourceOf(Mount mount) =>
        mount switch
        {
            VolumeMount volume => volume.Volume,
            BindMount bind => bind.Source,
            _ => null,
        };

    /// <summary>An absolute path inside the container, normalised.</summary>
    public static string? Target(Field field, string text)
    {
        if (!text.StartsWith('/'))
            field.Error($"\"{Field.Shorten(text)}\" is not an absolute path inside the container");
        else if (HostPaths.NormaliseInContainer(text) is var path && path == "/")
            field.Error("nothing can be mounted over the container's root");
        else
            return path;
        return null;
    }

    /// <summary>Reports a place, normalised, that a container needs as the runtime made it.</summary>
    public static void CheckRuntime(Field field, string target)
    {
        if (HostPaths.BelongsToRuntime(target))
            field.Error($"nothing can be mounted on {target}: /proc, /sys and /dev are the container runtime's");
    }

    private Mount? Short(Field item)
    {
        if (item.Name() is not { } text)
            return null;

        var parts = text.Split(':');
        if (parts.Length == 1)
        {
            item.Error(
                "a volume without a name loses its data when the container is replaced; write \"name:/path\", or use \"tmpfs:\""
            );
            return null;
        }

        if (parts.Length > 3)
        {
            item.Error("must be \"source:target[:options]\"");
            return null;
        }

        var (readOnly, noCopy) = Options(item, parts.Length == 3 ? parts[2] : "");
        var target = Target(item, parts[1]);
        if (IsPath(parts[0]))
        {
            if (noCopy)
                item.Error("nocopy is for named volumes only");
            return Bind(item, parts[0], target, readOnly, createHostPath: true);
        }

        return target is null ? null : new VolumeMount(parts[0], target, readOnly, noCopy);
    }

    private static (bool ReadOnly, bool NoCopy) Options(Field item, string text)
    {
        var (readOnly, noCopy) = (false, false);
        foreach (var option in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            switch (option)
            {
                case "rw":
                    break;
                case "ro":
                    readOnly = true;
                    break;
                case "nocopy":
                    noCopy = true;
                    break;
                case "z" or "Z" or "cached" or "delegated" or "consistent":
                    item.Warn($"\"{option}\" has no effect on the appliance; remove it");
                    break;
                default:
                    item.Error($"unknown option \"{Field.Shorten(option)}\"; known are: ro, rw, nocopy");
                    break;
            }
        }

        return (readOnly, noCopy);
    }

    private Mount? Long(Field item)
    {
        var map = item.Map(s_keys);
        var type = map.Required("type", "volume, bind or tmpfs")?.OneOf(s_types);
        var source = map["source"];
        var targetField = map.Required("target", "the path inside the container");
        var target = targetField?.Name() is { } text ? Target(targetField, text) : null;
        var readOnly = map["read_only"]?.Bool() ?? false;
        foreach (var other in s_types.Where(t => type is not null && t.Value != type))
            map[other.Key]?.ErrorAtKey($"\"{other.Key}\" options do not fit a mount of another type");

        switch (type)
        {
            case MountType.Bind:
                var create = map["bind"]?.Map(s_bindKeys)["create_host_path"]?.Bool() ?? true;
                return map.Required("source", "the path on the host")?.Name() is { } path
                    ? Bind(source!, path, target, readOnly, create)
                    : null;
            case MountType.Volume:
                var noCopy = map["volume"]?.Map(s_volumeKeys)["nocopy"]?.Bool() ?? false;
                return map.Required("source", "the volume's name")?.Name() is { } name && target is not null
                    ? new VolumeMount(name, target, readOnly, noCopy)
                    : null;
            case MountType.Tmpfs:
                source?.ErrorAtKey("a tmpfs has no source");
                var options = map["tmpfs"]?.Map(s_tmpfsKeys);
                var (size, mode) = (options?["size"]?.Bytes(), options?["mode"]?.Mode());
                return target is null ? null : new TmpfsMount(target, readOnly, size, mode, []);
            default:
                return null;
        }
    }

    private BindMount? Bind(Field field, string source, string? target, bool readOnly, bool createHostPath)
    {
        if (!source.StartsWith('/'))
        {
            field.Error($"\"{Field.Shorten(source)}\" is a relative path: {NotOnTheAppliance}");
            return null;
        }

        var path = HostPaths.Normalise(source);
        var allowance = $"bind: {path}";
        if (HostPaths.WhyForbidden(path) is { } reason && !context.Allowances.Allow(service, allowance))
        {
            field.Error($"may not bind {path}: {reason} (allowance \"{allowance}\")");
            return null;
        }

        return target is null ? null : new(path, target, readOnly, createHostPath);
    }

    private static IEnumerable<Field> Tmpfs(Field? field) =>
        field is null ? []
        : field.IsScalar ? [field]
        : field.Items("a string or a list of strings");

    private static TmpfsMount? TmpfsOf(Field item)
    {
        if (item.Name() is not { } text)
            return null;

        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var target = Target(item, colon < 0 ? text : text[..colon]);
        long? size = null;
        int? mode = null;
        var readOnly = false;
        var others = new List<string>();
        foreach (var option in colon < 0 ? [] : text[(colon + 1)..].Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = option.Split('=', 2) is [var n, var v] ? (n, v) : (option, "");
            var good = name switch
            {
                "size" => (size = ByteSizes.TryParse(value)) is not null,
                "mode" => (mode = Modes.TryParse(value.StartsWith('0') ? value : "0" + value)) is not null,
                "uid" or "gid" or "nr_inodes" => value.Length is > 0 and < 10 && value.All(char.IsAsciiDigit),
                "ro" => readOnly = true,
                "rw" or "exec" or "noexec" or "suid" or "nosuid" or "dev" or "nodev" or "noatime" => value.Length == 0,
                _ => false,
            };
            if (!good)
                item.Error(
                    $"unknown or bad tmpfs option \"{Field.Shorten(option)}\"; write for example \"/run:size=64m,mode=1777\""
                );
            else if (name is not ("size" or "mode" or "ro" or "rw"))
                others.Add(option);
        }

        return target is null ? null : new(target, readOnly, size, mode, others);
    }

    private static bool IsPath(string source) =>
        source.StartsWith('/')
        || source.StartsWith('.')
        || source.StartsWith('~')
        || source.Contains('/', StringComparison.Ordinal);

    private enum MountType
    {
        Volume,
        Bind,
        Tmpfs,
    }

    private static readonly Dictionary<string, MountType> s_types = new()
    {
        ["volume"] = MountType.Volume,
        ["bind"] = MountType.Bind,
        ["tmpfs"] = MountType.Tmpfs,
    };
}
