using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>Networks. A network is named by its id, the beginning of it, or its name.</summary>
public sealed class NetworkOperations
{
    private const string Root = "/networks/";

    private readonly EngineTransport transport;

    internal NetworkOperations(EngineTransport transport) => this.transport = transport;

    /// <summary>Makes a network, and returns its id.</summary>
    /// <exception cref="EngineConflictException">The name is taken.</exception>
    public async Task<string> CreateAsync(NetworkSpec spec, CancellationToken ct)
    {
        var reply = await transport.PostAsync(
            new("/networks/create"),
            EngineTransport.Json(spec, ApiJson.Default.NetworkSpec),
            ApiJson.Default.IdReply,
            ct
        );
        return reply.Id;
    }

    /// <summary>The network, with the containers on it.</summary>
    public Task<Network> InspectAsync(string network, CancellationToken ct) =>
        transport.GetAsync(Query.Of(Root, network), ApiJson.Default.Network, ct);

    /// <summary>The networks that match, without the containers on them.</summary>
    public Task<IReadOnlyList<Network>> ListAsync(NetworkQuery query, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        return transport.GetAsync(
            new Query("/networks").Filter("label", query.Labels).Filter("name", query.Names).Filter("id", query.Ids),
            ApiJson.Default.IReadOnlyListNetwork,
            ct
        );
    }

    /// <summary>Removes it.</summary>
    /// <exception cref="DockerEngineException">Containers are on it (403).</exception>
    public Task RemoveAsync(string network, CancellationToken ct) =>
        transport.ChangeAsync(HttpMethod.Delete, Query.Of(Root, network), body: null, ct);

    /// <summary>Puts a container on it; one that does not run joins when it starts.</summary>
    /// <param name="network">The network.</param>
    /// <param name="container">The container.</param>
    /// <param name="endpoint">Aliases and addresses; null for none.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <exception cref="DockerEngineException">It is on the network already (403), or the address is taken.</exception>
    public Task ConnectAsync(string network, string container, EndpointSettings? endpoint, CancellationToken ct) =>
        transport.ChangeAsync(
            HttpMethod.Post,
            Query.Of(Root, network, "/connect"),
            EngineTransport.Json(new(container, endpoint), ApiJson.Default.NetworkJoin),
            ct
        );

    /// <summary>Takes a container off it.</summary>
    /// <param name="network">The network.</param>
    /// <param name="container">The container.</param>
    /// <param name="force">Also when the container is gone and only its endpoint is left.</param>
    /// <param name="ct">Cancels the call.</param>
    public Task DisconnectAsync(string network, string container, bool force, CancellationToken ct) =>
        transport.ChangeAsync(
            HttpMethod.Post,
            Query.Of(Root, network, "/disconnect"),
            EngineTransport.Json(new(container, force), ApiJson.Default.NetworkLeave),
            ct
        );
}

internal sealed record NetworkJoin(
    string Container,
    [property: JsonPropertyName("EndpointConfig")] EndpointSettings? Endpoint
);

internal sealed record NetworkLeave(string Container, bool Force);
