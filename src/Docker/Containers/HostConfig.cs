using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>How the host runs a container; null leaves a matter to the engine.</summary>
public sealed record HostConfig
{
    /// <summary>Mounts as <c>source:target[:options]</c>; a missing host folder is made.</summary>
    public IReadOnlyList<string>? Binds { get; init; }

    /// <summary>Mounts, spelt out; a missing host folder is an error.</summary>
    public IReadOnlyList<MountSpec>? Mounts { get; init; }

    /// <summary>Paths that get a tmpfs, with its mount options (<c>size=64m,mode=1777</c>).</summary>
    public IReadOnlyDictionary<string, string>? Tmpfs { get; init; }

    /// <summary>Host ports by container port (<c>80/tcp</c>).</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?>? PortBindings { get; init; }

    /// <summary>What the engine does when the container ends.</summary>
    public RestartPolicy? RestartPolicy { get; init; }

    /// <summary>Whether the engine removes the container when it ends.</summary>
    public bool? AutoRemove { get; init; }

    /// <summary><c>bridge</c>, <c>host</c>, <c>none</c>, <c>container:ID</c>, or a network's name.</summary>
    public string? NetworkMode { get; init; }

    /// <summary>Memory limit in bytes.</summary>
    public long? Memory { get; init; }

    /// <summary>Memory and swap together, in bytes; -1 for unlimited swap.</summary>
    public long? MemorySwap { get; init; }

    /// <summary>Memory kept for it under pressure, in bytes.</summary>
    public long? MemoryReservation { get; init; }

    /// <summary>Processor time, in billionths of a processor.</summary>
    public long? NanoCpus { get; init; }

    /// <summary>Microseconds of processor time in each 100 ms; -1 or 0: no limit of this kind.</summary>
    public long? CpuQuota { get; init; }

    /// <summary>Weight against other containers; 1024 is one share.</summary>
    public long? CpuShares { get; init; }

    /// <summary>The processors it may use: <c>0-2,4</c>.</summary>
    public string? CpusetCpus { get; init; }

    /// <summary>How many processes and threads it may have; 0 or -1 for any number.</summary>
    public long? PidsLimit { get; init; }

    /// <summary>Capabilities added to the engine's default set.</summary>
    public IReadOnlyList<string>? CapAdd { get; init; }

    /// <summary>Capabilities taken from it.</summary>
    public IReadOnlyList<string>? CapDrop { get; init; }

    /// <summary>Seccomp, AppArmor, SELinux, <c>no-new-privileges</c>.</summary>
    public IReadOnlyList<string>? SecurityOpt { get; init; }

    /// <summary>Whether the image's files are read-only.</summary>
    public bool? ReadonlyRootfs { get; init; }

    /// <summary>Whether a small init reaps orphans and forwards signals.</summary>
    public bool? Init { get; init; }

    /// <summary>Resource limits of its processes.</summary>
    public IReadOnlyList<Ulimit>? Ulimits { get; init; }

    /// <summary>Kernel parameters of its namespaces.</summary>
    public IReadOnlyDictionary<string, string>? Sysctls { get; init; }

    /// <summary>Size of <c>/dev/shm</c> in bytes.</summary>
    public long? ShmSize { get; init; }

    /// <summary>Lines of <c>/etc/hosts</c> as <c>name:address</c>.</summary>
    public IReadOnlyList<string>? ExtraHosts { get; init; }

    /// <summary>Name servers.</summary>
    public IReadOnlyList<string>? Dns { get; init; }

    /// <summary>Search domains.</summary>
    public IReadOnlyList<string>? DnsSearch { get; init; }

    /// <summary>Options of the resolver.</summary>
    public IReadOnlyList<string>? DnsOptions { get; init; }

    /// <summary>Where its output goes.</summary>
    public LogConfig? LogConfig { get; init; }

    /// <summary>Further groups of its user.</summary>
    public IReadOnlyList<string>? GroupAdd { get; init; }

    /// <summary>Devices of the host that it sees.</summary>
    public IReadOnlyList<DeviceMapping>? Devices { get; init; }

    /// <summary>Whether it has every capability and device.</summary>
    public bool? Privileged { get; init; }

    /// <summary>Process namespace: empty for its own, <c>host</c>, or <c>container:ID</c>.</summary>
    public string? PidMode { get; init; }

    /// <summary>IPC namespace: <c>private</c>, <c>shareable</c>, <c>host</c>, or <c>container:ID</c>.</summary>
    public string? IpcMode { get; init; }

    /// <summary>User namespace: empty for the engine's, or <c>host</c>.</summary>
    public string? UsernsMode { get; init; }

    /// <summary>Cgroup namespace: <c>private</c> or <c>host</c>.</summary>
    public string? CgroupnsMode { get; init; }

    /// <summary>The cgroup under which the container's own is made.</summary>
    public string? CgroupParent { get; init; }

    /// <summary>How willingly the kernel kills it when memory is short, -1000 to 1000.</summary>
    public int? OomScoreAdj { get; init; }

    /// <summary>The runtime; null for the engine's default.</summary>
    public string? Runtime { get; init; }
}

/// <summary>What a mount is made of.</summary>
[JsonConverter(typeof(WordConverter<MountType>))]
public enum MountType
{
    /// <summary>A kind that this client does not know.</summary>
    Unknown,

    /// <summary>A folder or file of the host.</summary>
    Bind,

    /// <summary>A volume.</summary>
    Volume,

    /// <summary>Memory.</summary>
    Tmpfs,
}

/// <summary>A mount to make.</summary>
public sealed record MountSpec
{
    /// <summary>Its kind.</summary>
    public required MountType Type { get; init; }

    /// <summary>The host path or the volume's name; null for a tmpfs or an anonymous volume.</summary>
    public string? Source { get; init; }

    /// <summary>The path inside.</summary>
    public required string Target { get; init; }

    /// <summary>Whether it is read-only.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>For <see cref="MountType.Bind"/>.</summary>
    public BindOptions? BindOptions { get; init; }

    /// <summary>For <see cref="MountType.Volume"/>.</summary>
    public VolumeMountOptions? VolumeOptions { get; init; }

    /// <summary>For <see cref="MountType.Tmpfs"/>.</summary>
    public TmpfsOptions? TmpfsOptions { get; init; }
}

/// <summary>Options of a bind mount.</summary>
public sealed record BindOptions
{
    /// <summary><c>private</c>, <c>rprivate</c>, <c>shared</c>, <c>rshared</c>, <c>slave</c>, <c>rslave</c>.</summary>
    public string? Propagation { get; init; }

    /// <summary>Whether mounts below the source stay out.</summary>
    public bool? NonRecursive { get; init; }

    /// <summary>Whether a missing source is made (API 1.42 and later).</summary>
    public bool? CreateMountpoint { get; init; }
}

/// <summary>Options of a volume mount.</summary>
public sealed record VolumeMountOptions
{
    /// <summary>Whether a new volume stays empty instead of taking the image's files at the target.</summary>
    public bool? NoCopy { get; init; }

    /// <summary>Labels of a volume that this mount creates.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The driver of a volume that this mount creates.</summary>
    public VolumeDriver? DriverConfig { get; init; }

    /// <summary>A folder within the volume (API 1.45 and later).</summary>
    public string? Subpath { get; init; }
}

/// <summary>A volume driver with its options.</summary>
public sealed record VolumeDriver
{
    /// <summary>Its name.</summary>
    public string? Name { get; init; }

    /// <summary>Its options.</summary>
    public IReadOnlyDictionary<string, string>? Options { get; init; }
}

/// <summary>Options of a tmpfs mount.</summary>
public sealed record TmpfsOptions
{
    /// <summary>Size in bytes; unlimited when null.</summary>
    public long? SizeBytes { get; init; }

    /// <summary>Permission bits, as a number (octal 1777 is 1023).</summary>
    public int? Mode { get; init; }
}

/// <summary>A port of the host.</summary>
public sealed record PortBinding
{
    /// <summary>The host's address; every one when empty.</summary>
    public string HostIp
    {
        get => field ?? "";
        init;
    }

    /// <summary>The host's port, a range, or empty for one that the engine chooses.</summary>
    public string HostPort
    {
        get => field ?? "";
        init;
    }
}

/// <summary>What the engine does when a container ends.</summary>
public sealed record RestartPolicy
{
    /// <summary>Nothing.</summary>
    public static RestartPolicy No { get; } = new() { Name = "no" };

    /// <summary><c>no</c>, <c>always</c>, <c>unless-stopped</c> or <c>on-failure</c>.</summary>
    public string Name
    {
        get => field ?? "";
        init;
    }

    /// <summary>For <c>on-failure</c>: how often; 0 for any number.</summary>
    public int MaximumRetryCount { get; init; }
}

/// <summary>A resource limit.</summary>
public sealed record Ulimit
{
    /// <summary>As in <c>nofile</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The limit in force.</summary>
    public long Soft { get; init; }

    /// <summary>How far the process may raise it.</summary>
    public long Hard { get; init; }
}

/// <summary>A logging driver with its options.</summary>
public sealed record LogConfig
{
    /// <summary>As in <c>json-file</c>.</summary>
    public string? Type { get; init; }

    /// <summary>As in <c>max-size</c>.</summary>
    public IReadOnlyDictionary<string, string>? Config { get; init; }
}

/// <summary>A device of the host in a container.</summary>
public sealed record DeviceMapping
{
    /// <summary>Its path on the host.</summary>
    public required string PathOnHost { get; init; }

    /// <summary>Its path inside.</summary>
    public required string PathInContainer { get; init; }

    /// <summary>Any of <c>r</c>, <c>w</c> and <c>m</c>.</summary>
    public string CgroupPermissions { get; init; } = "rwm";
}

/// <summary>Changes to a container that exists; null leaves as is.</summary>
public sealed record ContainerUpdate
{
    /// <inheritdoc cref="HostConfig.Memory"/>
    public long? Memory { get; init; }

    /// <inheritdoc cref="HostConfig.MemorySwap"/>
    public long? MemorySwap { get; init; }

    /// <inheritdoc cref="HostConfig.MemoryReservation"/>
    public long? MemoryReservation { get; init; }

    /// <inheritdoc cref="HostConfig.NanoCpus"/>
    public long? NanoCpus { get; init; }

    /// <summary>
    /// Microseconds of processor time that it may use in each 100 ms; -1: as many as it can. Not for a container that has
    /// <see cref="NanoCpus"/>.
    /// </summary>
    public long? CpuQuota { get; init; }

    /// <inheritdoc cref="HostConfig.CpuShares"/>
    public long? CpuShares { get; init; }

    /// <inheritdoc cref="HostConfig.PidsLimit"/>
    public long? PidsLimit { get; init; }

    /// <inheritdoc cref="HostConfig.RestartPolicy"/>
    public RestartPolicy? RestartPolicy { get; init; }
}
