namespace Appliance.Bundles.Compose.Checks;

/// <summary>Paths of the host that a release may not reach into without a signed allowance.</summary>
internal static class HostPaths
{
    // Each of these, and everything below it. Whoever writes here owns the host; some are enough to read.
    private static readonly (string Path, string Reason)[] s_closed =
    [
        ("/proc", "it shows and steers the host's processes and kernel"),
        ("/sys", "it steers the host's kernel and devices"),
        ("/dev", "it holds the host's devices"),
        ("/etc", "it holds the host's configuration and passwords"),
        ("/run", "it holds the sockets of the host's daemons, such as docker.sock and the agent's own"),
        ("/boot", "the host boots from it"),
        ("/root", "it is the host administrator's home"),
        ("/usr", "it holds the host's programs"),
        ("/bin", "it holds the host's programs"),
        ("/sbin", "it holds the host's programs"),
        ("/lib", "it holds the host's programs"),
        ("/lib32", "it holds the host's programs"),
        ("/lib64", "it holds the host's programs"),
        ("/var/spool/cron", "the host runs what is in it"),
        ("/var/lib/appliance-agent", "it holds the agent's state"),
        ("/var/lib/docker", "it holds the engine's state"),
        ("/var/lib/containerd", "it holds the engine's state"),
        ("/var/lib/kubelet", "it holds an orchestrator's state"),
    ];

    /// <summary>
    /// A path of the host as the kernel would resolve it without symbolic links, except those that every Linux host
    /// has: <c>/var/run</c> and <c>/var/lock</c>.
    /// </summary>
    public static string Normalise(string path) => Resolve(path, onHost: true);

    /// <summary>A path inside a container: only <c>.</c>, <c>..</c> and repeated slashes are resolved.</summary>
    public static string NormaliseInContainer(string path) => Resolve(path, onHost: false);

    private static string Resolve(string path, bool onHost)
    {
        var parts = new List<string>();
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == "..")
                parts.RemoveRange(Math.Max(0, parts.Count - 1), Math.Min(1, parts.Count));
            else if (part != ".")
                parts.Add(part);

            // At once, since a ".." that follows leaves the link's target and not the link.
            if (onHost && parts is ["var", "run"])
                parts = ["run"];
            else if (onHost && parts is ["var", "lock"])
                parts = ["run", "lock"];
        }

        return "/" + string.Join('/', parts);
    }

    /// <param name="path">Normalised.</param>
    /// <returns>Null if a container may have it.</returns>
    public static string? WhyForbidden(string path)
    {
        if (path == "/")
            return "it is the whole host";

        foreach (var (closed, reason) in s_closed)
        {
            if (IsSameOrBelow(path, closed))
                return reason;
            if (IsSameOrBelow(closed, path))
                return $"it contains {closed}, and {reason}";
        }

        return
            path.EndsWith("/docker.sock", StringComparison.Ordinal)
            || path.EndsWith("/containerd.sock", StringComparison.Ordinal)
            ? "whoever reaches the engine's socket owns the host"
            : null;
    }

    /// <summary>
    /// What the runtime itself mounts in every container: whoever may mount over it decides what the runtime, which is
    /// root, reads and writes there.
    /// </summary>
    /// <param name="path">A path inside a container, normalised.</param>
    public static bool BelongsToRuntime(string path) =>
        IsSameOrBelow(path, "/proc")
        || IsSameOrBelow(path, "/sys")
        // Shared memory is the container's own, and commonly given a size by a tmpfs.
        || (IsSameOrBelow(path, "/dev") && !IsSameOrBelow(path, "/dev/shm"));

    private static bool IsSameOrBelow(string path, string parent) =>
        path == parent || path.StartsWith(parent + "/", StringComparison.Ordinal);
}
