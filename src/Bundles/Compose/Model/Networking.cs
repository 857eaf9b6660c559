namespace Appliance.Bundles.Compose;

public enum PortProtocol
{
    Tcp,
    Udp,
    Sctp,
}

/// <summary>A port inside the container.</summary>
public sealed record ContainerPort(int Port, PortProtocol Protocol);

/// <summary>One published port.</summary>
/// <param name="HostIp">The host address it is bound to; null: all addresses.</param>
/// <param name="HostPort">The port on the host; null: the engine chooses one.</param>
/// <param name="Port">The port inside the container.</param>
public sealed record PortMapping(string? HostIp, int? HostPort, int Port, PortProtocol Protocol);

/// <summary>A bridge network of the application. The engine's name for it is the agent's choice.</summary>
public sealed record ComposeNetwork
{
    /// <summary>The network that a service without <c>networks:</c> joins.</summary>
    public const string DefaultName = "default";

    public required string Name { get; init; }

    /// <summary>No route to the outside.</summary>
    public bool Internal { get; init; }

    public bool Attachable { get; init; }
    public bool EnableIpv6 { get; init; }

    /// <summary>Address pools; empty: the engine chooses.</summary>
    public IReadOnlyList<IpamPool> Pools { get; init; } = [];

    public IReadOnlyDictionary<string, string> DriverOptions { get; init; } = Empty.Strings;
    public IReadOnlyDictionary<string, string> Labels { get; init; } = Empty.Strings;
}

/// <summary>An address pool: CIDR blocks and addresses in canonical text.</summary>
/// <param name="Range">The part of the subnet that containers get addresses from; null: all of it.</param>
/// <param name="AuxiliaryAddresses">Host names and the addresses that the engine must not hand out.</param>
public sealed record IpamPool(
    string Subnet,
    string? Range,
    string? Gateway,
    IReadOnlyDictionary<string, string> AuxiliaryAddresses
);

/// <summary>A service's end on a network.</summary>
/// <param name="Aliases">Further names; the service's own name is always one and is not listed.</param>
/// <param name="Priority">Networks are joined from the highest to the lowest. Default 0.</param>
public sealed record ServiceNetwork(
    string Network,
    IReadOnlyList<string> Aliases,
    string? Ipv4Address,
    string? Ipv6Address,
    int Priority
);

/// <param name="Address">An IP address, or <c>host-gateway</c>.</param>
public sealed record ExtraHost(string Host, string Address);
