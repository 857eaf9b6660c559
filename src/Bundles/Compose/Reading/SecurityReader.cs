using Appliance.Bundles.Compose.Checks;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>What raises or lowers a container's rights: refused where it would open the host, unless it is allowed.</summary>
internal sealed class SecurityReader(string service, Allowances allowances)
{
    // Those that the kernel keeps per container; the engine refuses all others.
    private static readonly string[] s_sysctls = ["net.", "fs.mqueue.", "kernel.msg", "kernel.shm"];

    public HostAccess Host(MapReader map)
    {
        var privileged =
            map["privileged"] is { } field
            && field.Bool() == true
            && MayHave(
                field,
                "privileged: true",
                "a privileged container can do all that the host's root can; name the capabilities that it needs in cap_add"
            );
        return new(
            privileged,
            HostMode(map["pid"], "pid", "it sees and signals every process of the host"),
            HostMode(map["ipc"], "ipc", "it shares memory with the host's processes"),
            HostMode(
                map["network_mode"],
                "network_mode",
                "it listens on the host's addresses and reaches what is bound to loopback there; use networks and ports"
            ),
            HostMode(map["userns_mode"], "userns_mode", "its root is then the host's")
        );
    }

    public IReadOnlyList<string> CapAdd(Field? field)
    {
        var added = new List<string>();
        foreach (var (item, name) in CapabilitiesOf(field))
        {
            if (Capabilities.WhyDangerous(name) is { } reason && !MayHave(item, $"cap_add: {name}", reason))
                continue;
            added.Add(name);
        }

        return added;
    }

    public static IReadOnlyList<string> CapDrop(Field? field) => [.. CapabilitiesOf(field).Select(c => c.Name)];

    public IReadOnlyList<string> Options(Field? field)
    {
        var options = new List<string>();
        foreach (var item in field?.Items("a list of strings") ?? [])
        {
            if (item.Name() is { } text && Option(item, text) is { } option)
                options.Add(option);
        }

        return options;
    }

    public static IReadOnlyDictionary<string, string> Sysctls(Field? field)
    {
        var sysctls = EnvironmentReader.Mapping(field);
        foreach (var name in sysctls.Keys)
        {
            var own = name == "kernel.sem" || s_sysctls.Any(p => name.StartsWith(p, StringComparison.Ordinal));
            if (!own)
                field!.Error(
                    $"{Field.Shorten(name)} is the host's, not the container's; what a container may set are net.*, fs.mqueue.*, kernel.msg*, kernel.shm* and kernel.sem"
                );
        }

        return sysctls;
    }

    private string? Option(Field item, string text)
    {
        // The older separator is a colon.
        var split = text.AsSpan().IndexOfAny('=', ':');
        var (key, value) = split < 0 ? (text, "") : (text[..split], text[(split + 1)..]);
        var option = value.Length == 0 ? key : $"{key}={value}";
        switch (key, value)
        {
            case ("no-new-privileges", "" or "true" or "false"):
                return $"no-new-privileges={(value.Length == 0 ? "true" : value)}";
            case ("seccomp" or "apparmor" or "systempaths", "unconfined"):
                return MayHave(
                    item,
                    $"security_opt: {option}",
                    "without confinement the container reaches deeper into the host's kernel"
                )
                    ? option
                    : null;
            case ("label", "disable"):
                return MayHave(
                    item,
                    "security_opt: label=disable",
                    "without labels the container reaches the host's files"
                )
                    ? option
                    : null;
            case ("seccomp", _):
                item.Error("a seccomp profile of your own is not supported; the engine's default one applies");
                return null;
            case ("apparmor", not ""):
            case ("label", not ""):
                return option;
            default:
                item.Error(
                    $"unknown option \"{Field.Shorten(text)}\"; known are no-new-privileges, apparmor=PROFILE and label=..."
                );
                return null;
        }
    }

    private bool HostMode(Field? field, string key, string reason)
    {
        if (field?.TextOrNumber() is not { } mode)
            return false;
        if (mode == "host")
            return MayHave(field, $"{key}: host", reason);

        field.Error(
            $"\"{Field.Shorten(mode)}\" is not supported: each container has a namespace of its own; remove \"{key}\""
        );
        return false;
    }

    private bool MayHave(Field field, string allowance, string reason)
    {
        if (allowances.Allow(service, allowance))
            return true;
        field.Error($"forbidden: {reason} (allowance \"{allowance}\")");
        return false;
    }

    private static IEnumerable<(Field Item, string Name)> CapabilitiesOf(Field? field)
    {
        foreach (var item in field?.Items("a list of capabilities") ?? [])
        {
            if (item.Name() is not { } text)
                continue;

            var upper = text.ToUpperInvariant();
            var name = upper.StartsWith("CAP_", StringComparison.Ordinal) ? upper[4..] : upper;
            if (Capabilities.IsKnown(name))
                yield return (item, name);
            else
                item.Error(
                    $"\"{Field.Shorten(text)}\" is not a capability{Spelling.DidYouMean(name, Capabilities.Known)}"
                );
        }
    }
}
