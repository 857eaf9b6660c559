namespace Appliance.Docker;

/// <summary>The engine itself.</summary>
public sealed class SystemOperations
{
    private readonly EngineTransport transport;

    internal SystemOperations(EngineTransport transport) => this.transport = transport;

    /// <summary>Whether it answers, and with which version of the API.</summary>
    public Task<PingReply> PingAsync(CancellationToken ct) => transport.PingAsync(ct);

    /// <summary>Which engine it is.</summary>
    public Task<EngineVersion> VersionAsync(CancellationToken ct) =>
        transport.GetAsync(new("/version"), ApiJson.Default.EngineVersion, ct);

    /// <summary>Its settings, and what it knows of its host.</summary>
    public Task<EngineInfo> InfoAsync(CancellationToken ct) =>
        transport.GetAsync(new("/info"), ApiJson.Default.EngineInfo, ct);

    /// <summary>What it keeps on disk. It walks all files for it, which takes seconds.</summary>
    public Task<DiskUsage> DiskUsageAsync(CancellationToken ct) =>
        transport.AskAsync(
            HttpMethod.Get,
            new("/system/df"),
            body: null,
            transport.Options.ChangeTimeout,
            ApiJson.Default.DiskUsage,
            ct
        );
}
