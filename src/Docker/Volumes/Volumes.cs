using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>A volume to create.</summary>
public sealed record VolumeSpec
{
    /// <summary>Its name; null for one that the engine makes up.</summary>
    public string? Name { get; init; }

    /// <summary>As in <c>local</c>.</summary>
    public string Driver { get; init; } = "local";

    /// <summary>Options of the driver.</summary>
    public IReadOnlyDictionary<string, string>? DriverOpts { get; init; }

    /// <summary>Its labels.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

/// <summary>A volume.</summary>
public sealed record Volume
{
    /// <summary>Its name.</summary>
    public string Name
    {
        get => field ?? "";
        init;
    }

    /// <summary>As in <c>local</c>.</summary>
    public string Driver
    {
        get => field ?? "";
        init;
    }

    /// <summary>Its path on the host.</summary>
    public string Mountpoint
    {
        get => field ?? "";
        init;
    }

    /// <summary>When it was made.</summary>
    [JsonConverter(typeof(EngineTimeConverter))]
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Its labels.</summary>
    public IReadOnlyDictionary<string, string> Labels
    {
        get => field ?? EmptyMap.Of<string>();
        init;
    }

    /// <summary>Options of the driver.</summary>
    public IReadOnlyDictionary<string, string> Options
    {
        get => field ?? EmptyMap.Of<string>();
        init;
    }

    /// <summary>Its size; only <see cref="SystemOperations.DiskUsageAsync"/> says.</summary>
    public VolumeUsage? UsageData { get; init; }
}

/// <summary>The size of a volume.</summary>
public sealed record VolumeUsage
{
    /// <summary>Bytes; -1 where it is not known.</summary>
    public long Size { get; init; }

    /// <summary>How many containers use it; -1 where it is not known.</summary>
    public long RefCount { get; init; }
}

/// <summary>Which volumes to list; what is left empty does not narrow.</summary>
public sealed record VolumeQuery
{
    /// <summary>Labels that all must match, as <c>name</c> or <c>name=value</c>.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Parts of names.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>Whether no container uses it; null for both.</summary>
    public bool? Dangling { get; init; }
}
