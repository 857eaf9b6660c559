namespace Appliance.Bundles.Compose;

/// <summary>What a container of a published service speaks on its port.</summary>
public enum IngressProtocol
{
    /// <summary>HTTP/1.1, WebSocket and long polling included.</summary>
    Http,

    /// <summary>HTTP over TLS; the container's certificate is its own and is not verified.</summary>
    Https,

    /// <summary>HTTP/2 without TLS, as gRPC servers speak it.</summary>
    H2c,

    /// <summary>Bytes: connections are passed on as they are.</summary>
    Tcp,
}

/// <summary>One way from outside the appliance to a service (<c>x-appliance.ingress</c>).</summary>
/// <param name="Protocol">What the container speaks. Default http.</param>
/// <param name="Port">The port inside the container.</param>
/// <param name="Host">
/// The host name that requests are for, lower-case, or <c>*.name</c> for all below one; null: any. Not with TCP.
/// </param>
/// <param name="Path">Requests for this path and all below it: <c>/</c>, or a path without a slash at its end. <c>/</c> with TCP.</param>
/// <param name="Listen">The port of the appliance that connections come to; with TCP only, where it is required.</param>
public sealed record IngressRoute(IngressProtocol Protocol, int Port, string? Host, string Path, int? Listen)
{
    /// <summary>Whether the same requests are for it, or the same connections: only one of the two can have them.</summary>
    public bool IsSameWayAs(IngressRoute other) => (Host, Path, Listen) == (other.Host, other.Path, other.Listen);
}

/// <summary>How a new version of a service is tried on some of the traffic first (<c>x-appliance.canary</c>).</summary>
/// <param name="Weight">The share of requests that it gets, in per cent, 1 to 50. Default 10.</param>
/// <param name="Duration">For how long, before it is promoted. Default 5 minutes.</param>
/// <param name="MaxErrorRatio">
/// The share of its requests that may fail beyond what fails of the old version's, 0 to 1. Default 0.01.
/// </param>
public sealed record Canary(int Weight, TimeSpan Duration, decimal MaxErrorRatio)
{
    public static Canary Default { get; } = new(10, TimeSpan.FromMinutes(5), 0.01m);
}
