using Appliance.Docker;

namespace Appliance.Agent.Supervision;

/// <summary>What of the host a container wants for itself: a release that renames a service must not run both.</summary>
internal static class Claims
{
    /// <returns>Host ports, whatever the address, and what it may write to.</returns>
    public static IReadOnlySet<string> Of(HostConfig host) =>
        PortsOf(host).Concat(MountsOf(host)).ToHashSet(StringComparer.Ordinal);

    private static IEnumerable<string> PortsOf(HostConfig host)
    {
        // Which ones, only its process knows.
        if (host.NetworkMode == "host")
            yield return "ports of the host";
        foreach (var (port, bindings) in host.PortBindings ?? new Dictionary<string, IReadOnlyList<PortBinding>?>())
        {
            var protocol = port[(port.IndexOf('/', StringComparison.Ordinal) + 1)..];
            foreach (var binding in (bindings ?? []).Where(b => b.HostPort is not ("" or "0")))
                yield return $"host port {binding.HostPort}/{protocol}";
        }
    }

    private static IEnumerable<string> MountsOf(HostConfig host)
    {
        foreach (var mount in host.Mounts ?? [])
        {
            if (mount is { ReadOnly: false, Source: { } source, Type: MountType.Volume or MountType.Bind })
                yield return ContentsOf(source);
        }
        foreach (var bind in (host.Binds ?? []).Select(b => b.Split(':')))
        {
            if (bind is [var source, _, ..] && !(bind is [_, _, var options, ..] && options.Split(',').Contains("ro")))
                yield return ContentsOf(source);
        }
    }

    /// <summary>The claim of one who writes to a volume, or to a folder of the host.</summary>
    public static string ContentsOf(string source) => $"contents of {source}";
}
