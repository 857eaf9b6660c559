using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>What an event is about.</summary>
public enum EventType
{
    /// <summary>A kind that this client does not know.</summary>
    Unknown,

    /// <summary>A container.</summary>
    Container,

    /// <summary>An image.</summary>
    Image,

    /// <summary>A network.</summary>
    Network,

    /// <summary>A volume.</summary>
    Volume,

    /// <summary>The engine itself.</summary>
    Daemon,
}

/// <summary>Something that happened in the engine.</summary>
public sealed record EngineEvent
{
    /// <summary>What it is about.</summary>
    public EventType Type { get; init; }

    /// <summary>What happened, one of <see cref="EventActions"/> or another word of the engine's.</summary>
    public required string Action { get; init; }

    /// <summary>What follows the action's colon: the command of an exec, the verdict of a health check; else empty.</summary>
    public string Detail { get; init; } = "";

    /// <summary>The id of the container or image, or the name of the volume.</summary>
    public required string ActorId { get; init; }

    /// <summary>Its name, labels, and details such as <c>exitCode</c>.</summary>
    public IReadOnlyDictionary<string, string> Attributes { get; init; } = EmptyMap.Of<string>();

    /// <summary>When, in nanoseconds since the epoch.</summary>
    public long TimeNano { get; init; }

    /// <summary>When, to the tenth of a microsecond, rounded down: events asked for since then include this one.</summary>
    public DateTimeOffset Time => DateTimeOffset.UnixEpoch.AddTicks(TimeNano / TimeSpan.NanosecondsPerTick);

    /// <summary>The verdict of a health check; null for other events.</summary>
    public HealthStatus? Health => Action == EventActions.HealthStatus ? Words.Parse<HealthStatus>(Detail) : null;
}

/// <summary>The actions that a supervisor cares for.</summary>
public static class EventActions
{
    /// <summary>Made.</summary>
    public const string Create = "create";

    /// <summary>Its process began.</summary>
    public const string Start = "start";

    /// <summary>Its process ended; the attribute <c>exitCode</c> says how.</summary>
    public const string Die = "die";

    /// <summary>It was stopped by a call.</summary>
    public const string Stop = "stop";

    /// <summary>It was sent a signal by a call.</summary>
    public const string Kill = "kill";

    /// <summary>The kernel killed a process of it for want of memory.</summary>
    public const string OutOfMemory = "oom";

    /// <summary>Frozen.</summary>
    public const string Pause = "pause";

    /// <summary>Thawed.</summary>
    public const string Unpause = "unpause";

    /// <summary>Renamed.</summary>
    public const string Rename = "rename";

    /// <summary>Its resources or restart policy changed.</summary>
    public const string Update = "update";

    /// <summary>Removed: a container.</summary>
    public const string Destroy = "destroy";

    /// <summary>Its health changed.</summary>
    public const string HealthStatus = "health_status";

    /// <summary>A container joined a network.</summary>
    public const string Connect = "connect";

    /// <summary>A container left a network.</summary>
    public const string Disconnect = "disconnect";

    /// <summary>Removed: a network.</summary>
    public const string Remove = "remove";

    /// <summary>A reference of an image went away.</summary>
    public const string Untag = "untag";

    /// <summary>Removed: an image.</summary>
    public const string Delete = "delete";
}

/// <summary>Which events to hear; what is left empty does not narrow.</summary>
public sealed record EventQuery
{
    /// <summary>Kinds of things.</summary>
    public IReadOnlyList<EventType> Types { get; init; } = [];

    /// <summary>Actions, as in <see cref="EventActions"/>.</summary>
    public IReadOnlyList<string> Actions { get; init; } = [];

    /// <summary>Labels of the container, image, network or volume that all must match.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Ids or names of containers.</summary>
    public IReadOnlyList<string> Containers { get; init; } = [];

    /// <summary>
    /// Past events from then on, before those to come. The engine remembers the last 256 since it started.
    /// </summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>The stream ends then; null for never.</summary>
    public DateTimeOffset? Until { get; init; }
}

/// <summary>What happens in the engine, as it happens.</summary>
public sealed class EventOperations
{
    private readonly EngineTransport transport;

    internal EventOperations(EngineTransport transport) => this.transport = transport;

    /// <summary>
    /// Begins to listen, and returns once the engine has accepted: an observation made afterwards misses nothing that
    /// the events do not tell. (The engine accepts an instant before it listens; a <see cref="EventQuery.Since"/> taken
    /// before the call closes that gap too, at the price of hearing some events again.)
    /// </summary>
    public async Task<EngineEventSubscription> OpenAsync(EventQuery query, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        var path = new Query("/events")
            .With("since", query.Since)
            .With("until", query.Until)
            .Filter("type", [.. query.Types.Select(Words.Of)])
            .Filter("event", query.Actions)
            .Filter("label", query.Labels)
            .Filter("container", query.Containers);
        var stream = await transport.OpenAsync(HttpMethod.Get, path, body: null, transport.Options.ReadTimeout, ct);
        return new(stream, transport.Options.MaxStreamLineBytes, endless: query.Until is null);
    }

    /// <summary>The events from now on, each as the engine sends it. See <see cref="OpenAsync"/> for when it listens.</summary>
    /// <exception cref="EngineUnavailableException">The engine went away.</exception>
    public async IAsyncEnumerable<EngineEvent> ReadAsync(
        EventQuery query,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        await using var stream = await OpenAsync(query, ct);
        await foreach (var happened in stream.WithCancellation(ct))
            yield return happened;
    }
}

/// <summary>Events, to be read once. Disposing ends the stream in the engine.</summary>
public sealed class EngineEventSubscription : IAsyncEnumerable<EngineEvent>, IAsyncDisposable
{
    private readonly EngineStream stream;
    private readonly int maxLineBytes;
    private readonly bool endless;

    internal EngineEventSubscription(EngineStream stream, int maxLineBytes, bool endless)
    {
        this.stream = stream;
        this.maxLineBytes = maxLineBytes;
        this.endless = endless;
    }

    /// <inheritdoc/>
    /// <exception cref="EngineUnavailableException">The engine went away, or shut down.</exception>
    public async IAsyncEnumerator<EngineEvent> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        var messages = JsonStream.ReadAllAsync(stream, maxLineBytes, ApiJson.Default.EventMessage, cancellationToken);
        await foreach (var message in messages)
            yield return message.ToEvent();
        if (endless)
            throw new EngineUnavailableException("the engine ended its events");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => stream.DisposeAsync();
}

internal sealed record EventMessage
{
    public string? Type { get; init; }

    public string? Action { get; init; }

    public EventActor? Actor { get; init; }

    [JsonPropertyName("timeNano")]
    public long TimeNano { get; init; }

    public EngineEvent ToEvent()
    {
        var action = Action ?? "";
        var colon = action.IndexOf(": ", StringComparison.Ordinal);
        return new()
        {
            Type = Words.Parse<EventType>(Type),
            Action = colon < 0 ? action : action[..colon],
            Detail = colon < 0 ? "" : action[(colon + 2)..],
            ActorId = Actor?.Id ?? "",
            Attributes = Actor?.Attributes ?? EmptyMap.Of<string>(),
            TimeNano = TimeNano,
        };
    }
}

internal sealed record EventActor
{
    [JsonPropertyName("ID")]
    public string? Id { get; init; }

    public IReadOnlyDictionary<string, string>? Attributes { get; init; }
}
