using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Unicode;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Alerts;

/// <summary>A system that alerts, and the version of its message that is understood.</summary>
internal sealed record AlertSource(string Name, string Version)
{
    /// <summary>https://prometheus.io/docs/alerting/latest/configuration/#webhook_config</summary>
    public static readonly AlertSource Alertmanager = new("alertmanager", "4");

    /// <summary>Its unified alerting, which sends Alertmanager's message with a version of its own, and more fields.</summary>
    public static readonly AlertSource Grafana = new("grafana", "1");
}

/// <summary>What a message says, or which field of it is wrong.</summary>
internal abstract record ReadMessage
{
    /// <param name="LeftOut">Alerts that the sender left out of the message.</param>
    internal sealed record Good(IReadOnlyList<NewAlert> Alerts, long LeftOut) : ReadMessage;

    /// <param name="Why">Begins with the field.</param>
    internal sealed record Bad(string Why) : ReadMessage;

    /// <summary>More than is taken at once.</summary>
    internal sealed record TooMany(string Why) : ReadMessage;
}

/// <summary>
/// Reads the messages of webhooks: bytes from whoever has a token. Fields that are not needed are passed over; of those
/// that are, each is checked.
/// </summary>
internal static class WebhookMessage
{
    public const int MaxBytes = 512 * 1024;
    public const int MaxAlerts = 256;

    private const int MaxDepth = 16;
    private const int MaxFingerprint = 64;
    private const int MaxPath = 160;

    // Names given twice are refused: one reader takes the first value, another the last.
    private static readonly WebhookJson Json = new(
        new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            MaxDepth = MaxDepth,
            AllowDuplicateProperties = false,
        }
    );

    public static ReadMessage Read(AlertSource source, string sender, ReadOnlySpan<byte> body)
    {
        if (!Utf8.IsValid(body))
            return new ReadMessage.Bad("the body is not UTF-8");
        MessageFields? message;
        try
        {
            message = JsonSerializer.Deserialize(body, Json.MessageFields);
        }
        catch (JsonException e)
        {
            return new ReadMessage.Bad(WhyNot(e));
        }
        if (message is null)
            return new ReadMessage.Bad("the body must be an object");
        if (message.Version != source.Version)
            return new ReadMessage.Bad($"version must be \"{source.Version}\" for {source.Name}");
        if (message.Alerts is not { } alerts)
            return new ReadMessage.Bad("alerts is missing");
        if (alerts.Count > MaxAlerts)
            return new ReadMessage.TooMany($"alerts: more than {MaxAlerts}");

        var read = new List<NewAlert>(alerts.Count);
        foreach (var (i, fields) in alerts.Index())
        {
            if (TryRead(fields, $"alerts[{i}]", source, sender, out var alert) is { } why)
                return new ReadMessage.Bad(why);
            read.Add(alert!);
        }
        return new ReadMessage.Good(read, Math.Max(0, message.TruncatedAlerts ?? 0));
    }

    private static string? TryRead(
        AlertFields? fields,
        string at,
        AlertSource source,
        string sender,
        out NewAlert? alert
    )
    {
        alert = null;
        if (fields is null)
            return $"{at} must be an object";
        if (fields.Status is not ("firing" or "resolved"))
            return $"{at}.status must be firing or resolved";
        if (fields.StartsAt is not { } startsAt)
            return $"{at}.startsAt is missing";
        if (fields.Labels is not { Count: > 0 } given)
            return $"{at}.labels is missing";
        if (given.FirstOrDefault(l => l.Value is null) is { Key: not null } empty)
            return $"{at}.labels.{Cut(empty.Key, AlertLabels.MaxName)} must be a string";
        var labels = given.ToDictionary(l => l.Key, l => l.Value!);
        if (AlertLabels.WhyNot($"{at}.labels", labels) is { } why)
            return why;
        var fingerprint = fields.Fingerprint ?? "";
        if (fingerprint.Length > MaxFingerprint || !fingerprint.All(char.IsAsciiLetterOrDigit))
            return $"{at}.fingerprint must be at most {MaxFingerprint} letters and digits";
        alert = new NewAlert(
            sender,
            source.Name,
            fingerprint.Length > 0 ? fingerprint : AlertLabels.Fingerprint(labels),
            startsAt.ToUniversalTime(),
            fields.Status is "resolved",
            labels
        );
        return null;
    }

    // Its own words name types of ours. The path is the sender's, and may be as long as the body.
    private static string WhyNot(JsonException e)
    {
        var path = e.Path is null or "$"
            ? ""
            : Cut(e.Path.StartsWith("$.", StringComparison.Ordinal) ? e.Path[2..] : e.Path, MaxPath);
        var place = e is { LineNumber: { } line, BytePositionInLine: { } position }
            ? $"line {line + 1}, byte {position + 1}"
            : "its end";
        return path.Length > 0
            ? $"{path} is not what it should be, or is given twice (near {place})"
            : $"the body is not the JSON that it should be (near {place})";
    }

    private static string Cut(string text, int atMost) => text.Length > atMost ? $"{text.AsSpan(0, atMost)}…" : text;
}

internal sealed record MessageFields
{
    public string? Version { get; init; }
    public long? TruncatedAlerts { get; init; }
    public List<AlertFields?>? Alerts { get; init; }
}

internal sealed record AlertFields
{
    public string? Status { get; init; }
    public Dictionary<string, string?>? Labels { get; init; }
    public DateTimeOffset? StartsAt { get; init; }
    public string? Fingerprint { get; init; }
}

/// <summary>What a sender is told of its message.</summary>
internal sealed record MessageAnswer(IReadOnlyList<AlertAnswer> Alerts);

/// <param name="Decision"><c>queued</c>, <c>repeated</c>, or why not: <c>unmatched</c>, <c>dry-run</c> and so on.</param>
internal sealed record AlertAnswer(string Fingerprint, string Decision, string? Rule, string Why);

internal sealed record ErrorAnswer(string Error);

[JsonSerializable(typeof(MessageFields))]
[JsonSerializable(typeof(MessageAnswer))]
[JsonSerializable(typeof(ErrorAnswer))]
internal sealed partial class WebhookJson : JsonSerializerContext;
