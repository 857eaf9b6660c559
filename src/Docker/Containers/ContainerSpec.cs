using System.Text.Json;
using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>What a container is made from: as given to create, and as an inspection gives it back.</summary>
public record ContainerConfig
{
    /// <summary>The image, by reference or by id.</summary>
    public string? Image { get; init; }

    /// <summary>The command; null for the image's.</summary>
    public IReadOnlyList<string>? Cmd { get; init; }

    /// <summary>The entry point; null for the image's, one empty string for none.</summary>
    public IReadOnlyList<string>? Entrypoint { get; init; }

    /// <summary>Variables as <c>NAME=value</c>; a bare <c>NAME</c> removes the image's.</summary>
    public IReadOnlyList<string>? Env { get; init; }

    /// <summary>Ports that are open to the container's networks, as <c>80/tcp</c>.</summary>
    [JsonConverter(typeof(KeySetConverter))]
    public IReadOnlyList<string>? ExposedPorts { get; init; }

    /// <summary>Labels; an inspection merges the image's in.</summary>
    public IReadOnlyDictionary<string, string> Labels
    {
        get => field ?? EmptyMap.Of<string>();
        init;
    }

    /// <summary>The user, as <c>name</c>, <c>uid</c> or <c>uid:gid</c>.</summary>
    public string? User { get; init; }

    /// <summary>The working directory.</summary>
    public string? WorkingDir { get; init; }

    /// <summary>The host name inside.</summary>
    public string? Hostname { get; init; }

    /// <summary>The domain name inside.</summary>
    public string? Domainname { get; init; }

    /// <summary>The health check; null for the image's.</summary>
    public HealthcheckSpec? Healthcheck { get; init; }

    /// <summary>The signal that asks the container to end, SIGTERM when null.</summary>
    public string? StopSignal { get; init; }

    /// <summary>How long a stop waits before it kills, in seconds; 10 when null.</summary>
    public int? StopTimeout { get; init; }

    /// <summary>Paths that get an anonymous volume.</summary>
    [JsonConverter(typeof(KeySetConverter))]
    public IReadOnlyList<string>? Volumes { get; init; }

    /// <summary>Whether a terminal is allocated: its output is then one stream.</summary>
    public bool? Tty { get; init; }

    /// <summary>Whether standard input is kept open.</summary>
    public bool? OpenStdin { get; init; }
}

/// <summary>A container to create.</summary>
public sealed record ContainerSpec : ContainerConfig
{
    /// <summary>How the host runs it.</summary>
    public HostConfig? HostConfig { get; init; }

    /// <summary>
    /// The networks it joins. Before API 1.44 the engine takes one here, the one that
    /// <see cref="HostConfig.NetworkMode"/> names; the others are connected before the start.
    /// </summary>
    public NetworkingConfig? NetworkingConfig { get; init; }

    /// <summary>The body of the request to create it: the same spec always gives the same text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ApiJson.Default.ContainerSpec);
}

/// <summary>The engine's own health check.</summary>
public sealed record HealthcheckSpec
{
    /// <summary><c>CMD</c> and arguments, <c>CMD-SHELL</c> and a line, or <c>NONE</c>; empty inherits the image's.</summary>
    public IReadOnlyList<string>? Test { get; init; }

    /// <summary>Between two checks; zero inherits.</summary>
    [JsonConverter(typeof(NanosecondsConverter))]
    public TimeSpan Interval { get; init; }

    /// <summary>How long one may take; zero inherits.</summary>
    [JsonConverter(typeof(NanosecondsConverter))]
    public TimeSpan Timeout { get; init; }

    /// <summary>How long failures do not count after a start; zero inherits.</summary>
    [JsonConverter(typeof(NanosecondsConverter))]
    public TimeSpan StartPeriod { get; init; }

    /// <summary>Between two checks during the start period (API 1.44 and later, ignored before); zero inherits.</summary>
    [JsonConverter(typeof(NanosecondsConverter))]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public TimeSpan StartInterval { get; init; }

    /// <summary>Failures in a row that make it unhealthy; zero inherits.</summary>
    public int Retries { get; init; }
}

/// <summary>The networks of a new container, by name.</summary>
public sealed record NetworkingConfig
{
    /// <summary>How it joins each.</summary>
    public IReadOnlyDictionary<string, EndpointSettings> EndpointsConfig
    {
        get => field ?? EmptyMap.Of<EndpointSettings>();
        init;
    }
}

/// <summary>A container on a network: what was asked for, and what it got.</summary>
public sealed record EndpointSettings
{
    /// <summary>Fixed addresses asked for.</summary>
    [JsonPropertyName("IPAMConfig")]
    public EndpointAddresses? Addresses { get; init; }

    /// <summary>Other names by which the network's containers resolve it; engines add the short id.</summary>
    public IReadOnlyList<string>? Aliases { get; init; }

    /// <summary>Options of the network's driver.</summary>
    public IReadOnlyDictionary<string, string>? DriverOpts { get; init; }

    /// <summary>The network's id.</summary>
    [JsonPropertyName("NetworkID")]
    public string? NetworkId { get; init; }

    /// <summary>The endpoint's id; empty while the container is not running.</summary>
    [JsonPropertyName("EndpointID")]
    public string? EndpointId { get; init; }

    /// <summary>The IPv4 address it has; empty while the container is not running.</summary>
    public string? IPAddress { get; init; }

    /// <summary>The length of the network's IPv4 prefix, in bits.</summary>
    public int? IPPrefixLen { get; init; }

    /// <summary>The IPv4 gateway.</summary>
    public string? Gateway { get; init; }

    /// <summary>The IPv6 address it has.</summary>
    public string? GlobalIPv6Address { get; init; }

    /// <summary>The hardware address.</summary>
    public string? MacAddress { get; init; }
}

/// <summary>Fixed addresses of a container on a network.</summary>
public sealed record EndpointAddresses
{
    /// <summary>IPv4, within a subnet that the network declares.</summary>
    public string? IPv4Address { get; init; }

    /// <summary>IPv6, within a subnet that the network declares.</summary>
    public string? IPv6Address { get; init; }
}
