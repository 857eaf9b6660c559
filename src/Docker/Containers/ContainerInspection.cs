using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>Where a container is in its life.</summary>
[JsonConverter(typeof(WordConverter<ContainerStatus>))]
public enum ContainerStatus
{
    /// <summary>A word that this client does not know.</summary>
    Unknown,

    /// <summary>Made, and never started.</summary>
    Created,

    /// <summary>Running.</summary>
    Running,

    /// <summary>Frozen.</summary>
    Paused,

    /// <summary>Waiting for the engine's restart policy.</summary>
    Restarting,

    /// <summary>Being removed.</summary>
    Removing,

    /// <summary>Ended.</summary>
    Exited,

    /// <summary>Half removed: only a forced removal is left.</summary>
    Dead,
}

/// <summary>What the engine's health check says.</summary>
[JsonConverter(typeof(WordConverter<HealthStatus>))]
public enum HealthStatus
{
    /// <summary>It has none.</summary>
    None,

    /// <summary>Not known yet.</summary>
    Starting,

    /// <summary>The last check passed.</summary>
    Healthy,

    /// <summary>So many failed in a row as its spec allows.</summary>
    Unhealthy,
}

/// <summary>All that the engine knows of a container.</summary>
public sealed record ContainerInspection
{
    /// <summary>Its id, 64 hexadecimal digits.</summary>
    public string Id
    {
        get => field ?? "";
        init;
    }

    /// <summary>Its name, without the slash that the engine puts before it.</summary>
    public string Name
    {
        get => (field ?? "").TrimStart('/');
        init;
    }

    /// <summary>When it was created.</summary>
    [JsonConverter(typeof(EngineTimeConverter))]
    public DateTimeOffset? Created { get; init; }

    /// <summary>The id of the image that it was created from.</summary>
    [JsonPropertyName("Image")]
    public string ImageId
    {
        get => field ?? "";
        init;
    }

    /// <summary>How often the engine's restart policy started it again.</summary>
    public int RestartCount { get; init; }

    /// <summary>The state of its process.</summary>
    public ContainerState State
    {
        get => field ?? new();
        init;
    }

    /// <summary>What it was made from, merged with the image's own configuration.</summary>
    public ContainerConfig Config
    {
        get => field ?? new();
        init;
    }

    /// <summary>How the host runs it.</summary>
    public HostConfig HostConfig
    {
        get => field ?? new();
        init;
    }

    /// <summary>Its networks and published ports.</summary>
    public NetworkSettings NetworkSettings
    {
        get => field ?? new();
        init;
    }

    /// <summary>What is mounted in it.</summary>
    public IReadOnlyList<MountPoint> Mounts
    {
        get => field ?? [];
        init;
    }
}

/// <summary>The state of a container's process.</summary>
public sealed record ContainerState
{
    /// <summary>Where it is in its life.</summary>
    public ContainerStatus Status { get; init; }

    /// <summary>Whether there is a process; also true while paused or restarting.</summary>
    public bool Running { get; init; }

    /// <summary>Whether it is frozen.</summary>
    public bool Paused { get; init; }

    /// <summary>Whether the kernel killed it for want of memory.</summary>
    [JsonPropertyName("OOMKilled")]
    public bool OutOfMemory { get; init; }

    /// <summary>The first process, as the host numbers it; 0 when there is none.</summary>
    public int Pid { get; init; }

    /// <summary>How the last run ended; 128 and the number for a signal.</summary>
    public int ExitCode { get; init; }

    /// <summary>Why the engine could not start it; empty when it could.</summary>
    public string Error
    {
        get => field ?? "";
        init;
    }

    /// <summary>When the present or last run began; null when it never ran.</summary>
    [JsonConverter(typeof(EngineTimeConverter))]
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When the last run ended; null when none has.</summary>
    [JsonConverter(typeof(EngineTimeConverter))]
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>What its health check says; null when it has none.</summary>
    public ContainerHealth? Health { get; init; }
}

/// <summary>The result of a container's health checks.</summary>
public sealed record ContainerHealth
{
    /// <summary>The verdict.</summary>
    public HealthStatus Status { get; init; }

    /// <summary>Failures in a row.</summary>
    public int FailingStreak { get; init; }

    /// <summary>The last few checks, the oldest first.</summary>
    public IReadOnlyList<HealthCheckRun> Log
    {
        get => field ?? [];
        init;
    }
}

/// <summary>One run of a health check.</summary>
public sealed record HealthCheckRun
{
    /// <summary>When it began.</summary>
    [JsonConverter(typeof(EngineTimeConverter))]
    public DateTimeOffset? Start { get; init; }

    /// <summary>When it ended.</summary>
    [JsonConverter(typeof(EngineTimeConverter))]
    public DateTimeOffset? End { get; init; }

    /// <summary>0 for passed, -1 for one that took too long.</summary>
    public int ExitCode { get; init; }

    /// <summary>What it wrote, cut by the engine at 4096 bytes.</summary>
    public string Output
    {
        get => field ?? "";
        init;
    }
}

/// <summary>A container's networks and published ports.</summary>
public sealed record NetworkSettings
{
    /// <summary>By network name.</summary>
    public IReadOnlyDictionary<string, EndpointSettings> Networks
    {
        get => field ?? EmptyMap.Of<EndpointSettings>();
        init;
    }

    /// <summary>Host ports by container port (<c>80/tcp</c>); null for one that is exposed and not published.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<PortBinding>?> Ports
    {
        get => field ?? EmptyMap.Of<IReadOnlyList<PortBinding>?>();
        init;
    }
}

/// <summary>Something mounted in a container.</summary>
public sealed record MountPoint
{
    /// <summary>Its kind.</summary>
    public MountType Type { get; init; }

    /// <summary>The volume's name; null for other kinds.</summary>
    public string? Name { get; init; }

    /// <summary>Its path on the host.</summary>
    public string Source
    {
        get => field ?? "";
        init;
    }

    /// <summary>Its path inside.</summary>
    public string Destination
    {
        get => field ?? "";
        init;
    }

    /// <summary>The volume's driver; null for other kinds.</summary>
    public string? Driver { get; init; }

    /// <summary>Whether it may be written to.</summary>
    [JsonPropertyName("RW")]
    public bool Writable { get; init; }
}
