namespace Appliance.Docker;

/// <summary>Volumes, by name.</summary>
public sealed class VolumeOperations
{
    private const string Root = "/volumes/";

    private readonly EngineTransport transport;

    internal VolumeOperations(EngineTransport transport) => this.transport = transport;

    /// <summary>Makes a volume. One of the same name and driver is returned as it is: its labels do not change.</summary>
    /// <exception cref="EngineConflictException">The name is taken, with another driver.</exception>
    public Task<Volume> CreateAsync(VolumeSpec spec, CancellationToken ct) =>
        transport.PostAsync(
            new("/volumes/create"),
            EngineTransport.Json(spec, ApiJson.Default.VolumeSpec),
            ApiJson.Default.Volume,
            ct
        );

    /// <summary>The volume.</summary>
    public Task<Volume> InspectAsync(string volume, CancellationToken ct) =>
        transport.GetAsync(Query.Of(Root, volume), ApiJson.Default.Volume, ct);

    /// <summary>The volumes that match.</summary>
    public async Task<IReadOnlyList<Volume>> ListAsync(VolumeQuery query, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        var reply = await transport.GetAsync(
            new Query("/volumes")
                .Filter("label", query.Labels)
                .Filter("name", query.Names)
                .Filter("dangling", query.Dangling is { } dangling ? [dangling ? "true" : "false"] : []),
            ApiJson.Default.VolumeList,
            ct
        );
        return reply.Volumes;
    }

    /// <summary>Removes it, with its files.</summary>
    /// <param name="volume">The volume.</param>
    /// <param name="force">Succeeds when there is none, and removes one whose driver is gone.</param>
    /// <param name="ct">Cancels the call.</param>
    /// <exception cref="EngineConflictException">A container uses it.</exception>
    public Task RemoveAsync(string volume, bool force, CancellationToken ct) =>
        transport.ChangeAsync(HttpMethod.Delete, Query.Of(Root, volume).With("force", force), body: null, ct);
}

internal sealed record VolumeList
{
    public IReadOnlyList<Volume> Volumes
    {
        get => field ?? [];
        init;
    }
}
