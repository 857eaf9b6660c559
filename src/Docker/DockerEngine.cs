namespace Appliance.Docker;

/// <summary>
/// A client of one Docker Engine over its unix socket (Engine API 1.41 and later). Thread-safe; connects on the first
/// call, and by itself again after the engine was away.
/// </summary>
/// <remarks>
/// Every call throws <see cref="EngineUnavailableException"/> when the engine cannot be reached or goes away,
/// <see cref="DockerEngineException"/> (or its subclass for the status) when the engine refuses, and
/// <see cref="OperationCanceledException"/> only when the caller's own token was cancelled.
/// </remarks>
public sealed class DockerEngine : IDisposable
{
    private const string UnixScheme = "unix://";

    private readonly EngineTransport transport;

    private DockerEngine(EngineTransport transport)
    {
        this.transport = transport;
        System = new(transport);
        Events = new(transport);
        Containers = new(transport);
        Images = new(transport);
        Networks = new(transport);
        Volumes = new(transport);
    }

    /// <summary>The engine itself: ping, version, info, disk usage.</summary>
    public SystemOperations System { get; }

    /// <summary>What happens in the engine, as it happens.</summary>
    public EventOperations Events { get; }

    /// <summary>Containers, and what runs in them.</summary>
    public ContainerOperations Containers { get; }

    /// <summary>Images.</summary>
    public ImageOperations Images { get; }

    /// <summary>Networks.</summary>
    public NetworkOperations Networks { get; }

    /// <summary>Volumes.</summary>
    public VolumeOperations Volumes { get; }

    /// <summary>A client of the engine that listens on <paramref name="endpoint"/>; opens no connection yet.</summary>
    /// <param name="endpoint">For example <c>unix:///var/run/docker.sock</c>.</param>
    /// <param name="clock">Measures the deadlines.</param>
    /// <param name="options">Deadlines and limits; null for the defaults.</param>
    /// <exception cref="ArgumentException">The endpoint is not <c>unix://</c> followed by an absolute path.</exception>
    public static DockerEngine Connect(string endpoint, TimeProvider clock, DockerEngineOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ArgumentNullException.ThrowIfNull(clock);
        if (!endpoint.StartsWith(UnixScheme + "/", StringComparison.Ordinal))
            throw new ArgumentException($"'{endpoint}' is not unix:///path/of/the/socket", nameof(endpoint));
        return new(new EngineTransport(endpoint[UnixScheme.Length..], clock, options ?? new()));
    }

    /// <summary>Closes idle connections; a stream that is open goes on until it is disposed of.</summary>
    public void Dispose() => transport.Dispose();
}
