using System.Text.Json;
using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>A network to create.</summary>
public sealed record NetworkSpec
{
    /// <summary>Its name. The engine refuses one that is taken (409).</summary>
    public required string Name { get; init; }

    /// <summary>As in <c>bridge</c>.</summary>
    public string Driver { get; init; } = "bridge";

    /// <summary>Whether it has no way out.</summary>
    public bool Internal { get; init; }

    /// <summary>Whether containers of no swarm service may join a swarm's network.</summary>
    public bool Attachable { get; init; }

    /// <summary>Whether its containers get IPv6 addresses.</summary>
    public bool EnableIPv6 { get; init; }

    /// <summary>Its addresses; null for a pool of the engine's.</summary>
    [JsonPropertyName("IPAM")]
    public NetworkAddresses? Addresses { get; init; }

    /// <summary>Options of the driver.</summary>
    public IReadOnlyDictionary<string, string>? Options { get; init; }

    /// <summary>Its labels.</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    // Engines before API 1.44 make a second network of the same name unless they are asked to look.
    [JsonInclude]
    internal bool CheckDuplicate { get; } = true;

    /// <summary>The body of the request to create it: the same spec always gives the same text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ApiJson.Default.NetworkSpec);
}

/// <summary>A network's addresses.</summary>
public sealed record NetworkAddresses
{
    /// <summary>Who hands them out.</summary>
    public string Driver
    {
        get => field ?? "default";
        init;
    }

    /// <summary>The subnets.</summary>
    public IReadOnlyList<Subnet> Config
    {
        get => field ?? [];
        init;
    }

    /// <summary>Options of the driver.</summary>
    public IReadOnlyDictionary<string, string>? Options { get; init; }
}

/// <summary>A subnet of a network.</summary>
public sealed record Subnet
{
    /// <summary>As in <c>10.1.0.0/16</c>.</summary>
    [JsonPropertyName("Subnet")]
    public string? Range { get; init; }

    /// <summary>The part of it from which addresses are handed out.</summary>
    [JsonPropertyName("IPRange")]
    public string? HandedOut { get; init; }

    /// <summary>The gateway's address.</summary>
    public string? Gateway { get; init; }

    /// <summary>Addresses that are taken, by name.</summary>
    public IReadOnlyDictionary<string, string>? AuxiliaryAddresses { get; init; }
}

/// <summary>A network, as listed and inspected.</summary>
public sealed record Network
{
    /// <summary>Its id.</summary>
    public string Id
    {
        get => field ?? "";
        init;
    }

    /// <summary>Its name.</summary>
    public string Name
    {
        get => field ?? "";
        init;
    }

    /// <summary>When it was made.</summary>
    [JsonConverter(typeof(EngineTimeConverter))]
    public DateTimeOffset? Created { get; init; }

    /// <summary>As in <c>local</c>.</summary>
    public string Scope
    {
        get => field ?? "";
        init;
    }

    /// <summary>As in <c>bridge</c>.</summary>
    public string Driver
    {
        get => field ?? "";
        init;
    }

    /// <summary>Whether it has no way out.</summary>
    public bool Internal { get; init; }

    /// <summary>Whether containers of no swarm service may join a swarm's network.</summary>
    public bool Attachable { get; init; }

    /// <summary>Whether its containers get IPv6 addresses.</summary>
    public bool EnableIPv6 { get; init; }

    /// <summary>Its addresses.</summary>
    [JsonPropertyName("IPAM")]
    public NetworkAddresses Addresses
    {
        get => field ?? new();
        init;
    }

    /// <summary>Options of the driver.</summary>
    public IReadOnlyDictionary<string, string> Options
    {
        get => field ?? EmptyMap.Of<string>();
        init;
    }

    /// <summary>Its labels.</summary>
    public IReadOnlyDictionary<string, string> Labels
    {
        get => field ?? EmptyMap.Of<string>();
        init;
    }

    /// <summary>Running containers on it, by id; only an inspection says.</summary>
    public IReadOnlyDictionary<string, NetworkMember> Containers
    {
        get => field ?? EmptyMap.Of<NetworkMember>();
        init;
    }
}

/// <summary>A container on a network.</summary>
public sealed record NetworkMember
{
    /// <summary>The container's name.</summary>
    public string Name
    {
        get => field ?? "";
        init;
    }

    /// <summary>With the length of the prefix: <c>10.1.0.2/16</c>.</summary>
    public string IPv4Address
    {
        get => field ?? "";
        init;
    }

    /// <summary>With the length of the prefix.</summary>
    public string IPv6Address
    {
        get => field ?? "";
        init;
    }
}

/// <summary>Which networks to list; what is left empty does not narrow.</summary>
public sealed record NetworkQuery
{
    /// <summary>Labels that all must match, as <c>name</c> or <c>name=value</c>.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Parts of names, or regular expressions.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>Ids or their beginnings.</summary>
    public IReadOnlyList<string> Ids { get; init; } = [];
}
