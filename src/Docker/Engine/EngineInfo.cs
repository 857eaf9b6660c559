using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>An engine that answers.</summary>
/// <param name="EngineApi">The newest API version that the engine speaks.</param>
/// <param name="SpokenApi">The version that this client speaks with it.</param>
public sealed record PingReply(ApiVersion EngineApi, ApiVersion SpokenApi);

/// <summary>The engine's version.</summary>
public sealed record EngineVersion
{
    /// <summary>As in <c>20.10.24</c>.</summary>
    public string Version
    {
        get => field ?? "";
        init;
    }

    /// <summary>The newest API version that it speaks.</summary>
    public string ApiVersion
    {
        get => field ?? "";
        init;
    }

    /// <summary>The oldest API version that it speaks.</summary>
    [JsonPropertyName("MinAPIVersion")]
    public string MinApiVersion
    {
        get => field ?? "";
        init;
    }

    /// <summary>As in <c>linux</c>.</summary>
    public string Os
    {
        get => field ?? "";
        init;
    }

    /// <summary>As in <c>amd64</c>.</summary>
    public string Arch
    {
        get => field ?? "";
        init;
    }

    /// <summary>The kernel that it runs on.</summary>
    public string KernelVersion
    {
        get => field ?? "";
        init;
    }
}

/// <summary>The engine, its settings and its host.</summary>
public sealed record EngineInfo
{
    /// <summary>Unique to this engine's data folder.</summary>
    [JsonPropertyName("ID")]
    public string Id
    {
        get => field ?? "";
        init;
    }

    /// <summary>The host's name.</summary>
    public string Name
    {
        get => field ?? "";
        init;
    }

    /// <summary>As in <c>20.10.24</c>.</summary>
    public string ServerVersion
    {
        get => field ?? "";
        init;
    }

    /// <summary>Whether containers outlive the engine.</summary>
    public bool LiveRestoreEnabled { get; init; }

    /// <summary>The storage driver, as in <c>overlay2</c>.</summary>
    public string Driver
    {
        get => field ?? "";
        init;
    }

    /// <summary>The engine's data folder.</summary>
    public string DockerRootDir
    {
        get => field ?? "";
        init;
    }

    /// <summary>Processors of the host.</summary>
    [JsonPropertyName("NCPU")]
    public int Processors { get; init; }

    /// <summary>Memory of the host, in bytes.</summary>
    [JsonPropertyName("MemTotal")]
    public long MemoryBytes { get; init; }

    /// <summary>Containers, in any state.</summary>
    public int Containers { get; init; }

    /// <summary>Containers that run.</summary>
    public int ContainersRunning { get; init; }

    /// <summary>Containers that are frozen.</summary>
    public int ContainersPaused { get; init; }

    /// <summary>Containers that do not run.</summary>
    public int ContainersStopped { get; init; }

    /// <summary>Images.</summary>
    public int Images { get; init; }

    /// <summary>The logging driver of containers that ask for none.</summary>
    public string LoggingDriver
    {
        get => field ?? "";
        init;
    }

    /// <summary><c>cgroupfs</c> or <c>systemd</c>.</summary>
    public string CgroupDriver
    {
        get => field ?? "";
        init;
    }

    /// <summary><c>1</c> or <c>2</c>.</summary>
    public string CgroupVersion
    {
        get => field ?? "";
        init;
    }

    /// <summary>As in <c>Debian GNU/Linux 12 (bookworm)</c>.</summary>
    public string OperatingSystem
    {
        get => field ?? "";
        init;
    }

    /// <summary>The kernel that it runs on.</summary>
    public string KernelVersion
    {
        get => field ?? "";
        init;
    }

    /// <summary>As in <c>x86_64</c>.</summary>
    public string Architecture
    {
        get => field ?? "";
        init;
    }

    /// <summary>Whether the kernel can limit memory.</summary>
    public bool MemoryLimit { get; init; }

    /// <summary>Whether the kernel can limit swap.</summary>
    public bool SwapLimit { get; init; }

    /// <summary>Whether the kernel can limit processor time.</summary>
    [JsonPropertyName("CpuCfsQuota")]
    public bool CpuLimit { get; init; }

    /// <summary>Whether the kernel can limit the number of processes.</summary>
    public bool PidsLimit { get; init; }

    /// <summary>As in <c>name=seccomp,profile=default</c>.</summary>
    public IReadOnlyList<string> SecurityOptions
    {
        get => field ?? [];
        init;
    }

    /// <summary>What the engine finds wanting in its host.</summary>
    public IReadOnlyList<string> Warnings
    {
        get => field ?? [];
        init;
    }
}

/// <summary>What the engine keeps on disk.</summary>
public sealed record DiskUsage
{
    /// <summary>Bytes of all layers of all images, each counted once.</summary>
    public long LayersSize { get; init; }

    /// <summary>The images.</summary>
    public IReadOnlyList<ImageSummary> Images
    {
        get => field ?? [];
        init;
    }

    /// <summary>The containers.</summary>
    public IReadOnlyList<ContainerUsage> Containers
    {
        get => field ?? [];
        init;
    }

    /// <summary>The volumes, with <see cref="Volume.UsageData"/>.</summary>
    public IReadOnlyList<Volume> Volumes
    {
        get => field ?? [];
        init;
    }
}

/// <summary>What a container keeps on disk.</summary>
public sealed record ContainerUsage
{
    /// <summary>The container's id.</summary>
    public string Id
    {
        get => field ?? "";
        init;
    }

    /// <summary>Bytes that it wrote outside volumes.</summary>
    [JsonPropertyName("SizeRw")]
    public long Written { get; init; }

    /// <summary>Those and its image's.</summary>
    [JsonPropertyName("SizeRootFs")]
    public long Total { get; init; }
}
