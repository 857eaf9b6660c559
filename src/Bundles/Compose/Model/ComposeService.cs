namespace Appliance.Bundles.Compose;

/// <summary>
/// One service. Where a property is null the image decides (or, where it says so, the engine); every other default is
/// already filled in.
/// </summary>
public sealed record ComposeService
{
    public required string Name { get; init; }
    public required ImageReference Image { get; init; }

    /// <summary>Arguments that replace the image's; null keeps the image's, an empty list clears them.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>Replaces the image's entry point; null keeps the image's, an empty list clears it.</summary>
    public IReadOnlyList<string>? Entrypoint { get; init; }

    /// <summary>The merged result of <c>env_file</c> and <c>environment</c>, the latter winning.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = Empty.Strings;

    public string? User { get; init; }
    public string? WorkingDirectory { get; init; }
    public string? Hostname { get; init; }
    public string? DomainName { get; init; }

    /// <summary>One entry per published port: ranges are already spelt out.</summary>
    public IReadOnlyList<PortMapping> Ports { get; init; } = [];

    /// <summary>Ports that the service serves to its networks only.</summary>
    public IReadOnlyList<ContainerPort> Expose { get; init; } = [];

    /// <summary>From <c>volumes</c> and <c>tmpfs</c>; no two share a target.</summary>
    public IReadOnlyList<Mount> Mounts { get; init; } = [];

    public IReadOnlyList<FileMount> Secrets { get; init; } = [];
    public IReadOnlyList<FileMount> Configs { get; init; } = [];

    /// <summary>The networks it joins: never empty, except with <see cref="HostAccess.Network"/>.</summary>
    public IReadOnlyList<ServiceNetwork> Networks { get; init; } = [];

    public IReadOnlyList<ExtraHost> ExtraHosts { get; init; } = [];
    public IReadOnlyList<string> Dns { get; init; } = [];
    public IReadOnlyList<string> DnsSearch { get; init; } = [];
    public IReadOnlyList<string> DnsOptions { get; init; } = [];

    public IReadOnlyList<Dependency> DependsOn { get; init; } = [];

    /// <summary>Docker's own health check; null keeps the image's.</summary>
    public HealthCheck? HealthCheck { get; init; }

    /// <summary>The agent's probes (<c>x-appliance.probes</c>): the service is healthy when each of them is.</summary>
    public IReadOnlyList<Probe> Probes { get; init; } = [];

    /// <summary>The ways from outside the appliance to it (<c>x-appliance.ingress</c>); empty: none but <see cref="Ports"/>.</summary>
    public IReadOnlyList<IngressRoute> Ingress { get; init; } = [];

    /// <summary>How a new version of it is tried first; null: it is not.</summary>
    public Canary? Canary { get; init; }

    /// <summary>
    /// What it mounts (a volume's name, or a path of the host) that an old container of it and a new one may write to at
    /// once (<c>x-appliance.share-safe</c>).
    /// </summary>
    public IReadOnlyList<string> ShareSafe { get; init; } = [];

    /// <summary>That it changes data and then ends, and how long it may take for that; null: it does not say so.</summary>
    public Migration? Migration { get; init; }

    public RestartPolicy Restart { get; init; } = RestartPolicy.Undeclared;
    public Deploy Deploy { get; init; } = Deploy.Default;

    /// <summary>Labels of the containers.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = Empty.Strings;

    /// <summary>Without the <c>CAP_</c> prefix, upper-case.</summary>
    public IReadOnlyList<string> CapAdd { get; init; } = [];

    /// <summary>Without the <c>CAP_</c> prefix, upper-case.</summary>
    public IReadOnlyList<string> CapDrop { get; init; } = [];

    /// <summary>In the engine's spelling (<c>key=value</c>, <c>no-new-privileges=true</c>).</summary>
    public IReadOnlyList<string> SecurityOptions { get; init; } = [];

    /// <summary>Supplementary groups, by name or number.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>What it shares with the host; <see cref="HostAccess.None"/> unless a signed allowance permits it.</summary>
    public HostAccess Host { get; init; } = HostAccess.None;

    /// <summary>The root file system is read-only.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Run a small init as PID 1; null leaves it to the engine's default.</summary>
    public bool? Init { get; init; }

    public IReadOnlyList<Ulimit> Ulimits { get; init; } = [];
    public IReadOnlyDictionary<string, string> Sysctls { get; init; } = Empty.Strings;

    /// <summary>Size of <c>/dev/shm</c> in bytes; null leaves it to the engine's default.</summary>
    public long? SharedMemoryBytes { get; init; }

    public string? StopSignal { get; init; }

    /// <summary>Time between the stop signal and SIGKILL. Default 10 s.</summary>
    public TimeSpan StopGracePeriod { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Null leaves it to the engine's default.</summary>
    public Logging? Logging { get; init; }

    /// <summary>Profiles of which one must be enabled for the service to run; empty: it always runs.</summary>
    public IReadOnlyList<string> Profiles { get; init; } = [];
}

/// <summary>What a container shares with the host beyond the ordinary; each needs a signed allowance.</summary>
public sealed record HostAccess(bool Privileged, bool Pid, bool Ipc, bool Network, bool UserNamespace)
{
    public static HostAccess None { get; } = new(false, false, false, false, false);
}

/// <param name="Soft">-1 is unlimited.</param>
/// <param name="Hard">-1 is unlimited.</param>
public sealed record Ulimit(string Name, long Soft, long Hard);

/// <param name="Driver">Null leaves it to the engine's default.</param>
public sealed record Logging(string? Driver, IReadOnlyDictionary<string, string> Options);

internal static class Empty
{
    public static readonly IReadOnlyDictionary<string, string> Strings = new OrderedDictionary<string, string>();
}
