using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>A container as a list shows it.</summary>
public sealed record ContainerSummary
{
    /// <summary>Its id, 64 hexadecimal digits.</summary>
    public string Id
    {
        get => field ?? "";
        init;
    }

    /// <summary>Its names as the engine writes them, each with a slash before it.</summary>
    public IReadOnlyList<string> Names
    {
        get => field ?? [];
        init;
    }

    /// <summary>Its name, without the slash; empty when a half-removed container has none left.</summary>
    [JsonIgnore]
    public string Name => Names.Count == 0 ? "" : Names[0].TrimStart('/');

    /// <summary>The reference that it was created with, or an id when that moved to another image.</summary>
    public string Image
    {
        get => field ?? "";
        init;
    }

    /// <summary>The id of its image.</summary>
    [JsonPropertyName("ImageID")]
    public string ImageId
    {
        get => field ?? "";
        init;
    }

    /// <summary>Its labels, the image's among them.</summary>
    public IReadOnlyDictionary<string, string> Labels
    {
        get => field ?? EmptyMap.Of<string>();
        init;
    }

    /// <summary>Where it is in its life.</summary>
    public ContainerStatus State { get; init; }

    /// <summary>The same for people: <c>Up 5 minutes (healthy)</c>.</summary>
    public string Status
    {
        get => field ?? "";
        init;
    }

    /// <summary>When it was created, to the second.</summary>
    [JsonConverter(typeof(UnixSecondsConverter))]
    public DateTimeOffset Created { get; init; }

    /// <summary>Its ports.</summary>
    public IReadOnlyList<PortSummary> Ports
    {
        get => field ?? [];
        init;
    }

    /// <summary>What is mounted in it.</summary>
    public IReadOnlyList<MountPoint> Mounts
    {
        get => field ?? [];
        init;
    }

    /// <summary>Its networks; without published ports, which are in <see cref="Ports"/>.</summary>
    public NetworkSettings NetworkSettings
    {
        get => field ?? new();
        init;
    }
}

/// <summary>A port as a list shows it.</summary>
public sealed record PortSummary
{
    /// <summary>The host's address; null when it is not published.</summary>
    [JsonPropertyName("IP")]
    public string? HostIp { get; init; }

    /// <summary>The container's port.</summary>
    public int PrivatePort { get; init; }

    /// <summary>The host's port; null when it is not published.</summary>
    public int? PublicPort { get; init; }

    /// <summary><c>tcp</c>, <c>udp</c> or <c>sctp</c>.</summary>
    [JsonPropertyName("Type")]
    public string Protocol
    {
        get => field ?? "";
        init;
    }
}

/// <summary>Which containers to list; what is left empty does not narrow.</summary>
public sealed record ContainerQuery
{
    /// <summary>Those that do not run too.</summary>
    public bool All { get; init; }

    /// <summary>Labels that all must match, as <c>name</c> or <c>name=value</c>.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Regular expressions of which one matches a name; anchor them for an exact name: <c>^/web$</c>.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>Ids or their beginnings.</summary>
    public IReadOnlyList<string> Ids { get; init; } = [];

    /// <summary>Where they are in their life; naming one implies <see cref="All"/>.</summary>
    public IReadOnlyList<ContainerStatus> Statuses { get; init; } = [];
}

/// <summary>A container that was created.</summary>
public sealed record CreatedContainer
{
    /// <summary>Its id.</summary>
    public string Id
    {
        get => field ?? "";
        init;
    }

    /// <summary>What the engine did not like, or could not honour on this host.</summary>
    public IReadOnlyList<string> Warnings
    {
        get => field ?? [];
        init;
    }
}

/// <summary>What a wait waits for.</summary>
public enum WaitCondition
{
    /// <summary>Not running, which it may be already.</summary>
    NotRunning,

    /// <summary>The next end.</summary>
    NextExit,

    /// <summary>Its removal.</summary>
    Removed,
}

/// <summary>How a container ended.</summary>
/// <param name="ExitCode">128 and the number for a signal.</param>
/// <param name="Error">What kept the engine from waiting or from removing it; null when nothing did.</param>
public sealed record ContainerExit(int ExitCode, string? Error);
