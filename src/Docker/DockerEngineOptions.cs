namespace Appliance.Docker;

/// <summary>Deadlines and limits of a <see cref="DockerEngine"/>.</summary>
public sealed record DockerEngineOptions
{
    /// <summary>How long the socket may take to accept a connection.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a question (ping, inspect, list) may take, from sending it to the last byte of the answer.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a change (create, start, remove) may take: the engine copies files and waits for the kernel within it.
    /// Also the margin added to the grace period of a stop, and how long a stream may take to begin.
    /// </summary>
    public TimeSpan ChangeTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The largest JSON answer accepted, in bytes.</summary>
    public int MaxResponseBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>The longest line of a JSON stream (events, stats, load progress) accepted, in bytes.</summary>
    public int MaxStreamLineBytes { get; init; } = 1024 * 1024;

    /// <summary>The largest frame of a log or exec stream accepted, in bytes.</summary>
    public int MaxFrameBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>A log line longer than this many bytes is handed out in pieces.</summary>
    public int MaxLogLineBytes { get; init; } = 64 * 1024;
}
