using System.Text.Json;
using System.Text.Json.Serialization;

namespace Appliance.Load;

/// <summary>What the load has met. As JSON, times are numbers of seconds.</summary>
/// <param name="Began">When it began.</param>
/// <param name="Took">How long it has gone on.</param>
/// <param name="Phases">The time between marks, in order.</param>
/// <param name="Windows">The whole time in windows of equal width, in order.</param>
/// <param name="Failures">The first thousand failures, in order.</param>
/// <param name="Client">What is to be known of the client before a server is judged by it.</param>
public sealed record LoadReport(
    DateTimeOffset Began,
    TimeSpan Took,
    IReadOnlyList<PhaseReport> Phases,
    IReadOnlyList<WindowReport> Windows,
    IReadOnlyList<Failure> Failures,
    ClientReport Client
)
{
    /// <summary>How many requests have ended, WebSockets' messages among them.</summary>
    public long Requests => Phases.Sum(p => p.Requests);

    /// <summary>How many of them have failed.</summary>
    public long Failed => Phases.Sum(p => p.Failed);

    /// <summary>The last phase of this name.</summary>
    /// <exception cref="InvalidOperationException">No mark has this name.</exception>
    public PhaseReport Phase(string name) => Phases.Last(p => p.Name == name);

    /// <summary>The report as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, ReportJson.Default.LoadReport);

    /// <summary>The report as a table.</summary>
    public override string ToString() => ReportText.Of(this);
}

/// <summary>The time from one mark to the next.</summary>
/// <param name="Name">As it was marked.</param>
/// <param name="Began">When, since the load began.</param>
/// <param name="Took">How long it was.</param>
/// <param name="Requests">How many requests ended in it.</param>
/// <param name="Failed">How many of them failed.</param>
/// <param name="FailuresByKind">The same by kind.</param>
/// <param name="Latency">Of the short requests that were answered well, from when they were due.</param>
/// <param name="Lateness">How much later than due the requests were begun; it is a part of their latency.</param>
/// <param name="Versions">How many answers each version of the application gave.</param>
/// <param name="Drained">How many WebSockets were told to go elsewhere (1001), and did.</param>
/// <param name="Certificates">The SHA-256 thumbprints of the certificates that were shown to new connections.</param>
/// <param name="Kinds">The requests by kind.</param>
public sealed record PhaseReport(
    string Name,
    TimeSpan Began,
    TimeSpan Took,
    long Requests,
    long Failed,
    IReadOnlyDictionary<FailureKind, long> FailuresByKind,
    LatencyReport Latency,
    LatencyReport Lateness,
    IReadOnlyDictionary<string, long> Versions,
    long Drained,
    IReadOnlyList<string> Certificates,
    IReadOnlyDictionary<RequestKind, KindReport> Kinds
);

/// <summary>Requests of a kind in a phase.</summary>
/// <param name="Requests">How many ended.</param>
/// <param name="Failed">How many of them failed.</param>
/// <param name="Latency">Of those that were answered well; of a long one, beyond the time that it is meant to take.</param>
public sealed record KindReport(long Requests, long Failed, LatencyReport Latency);

/// <summary>A window of the timeline.</summary>
/// <param name="Began">When it began, since the load did.</param>
/// <param name="Requests">How many requests ended in it.</param>
/// <param name="Failed">How many of them failed.</param>
/// <param name="Latency">Of the short requests that were answered well.</param>
/// <param name="Versions">How many answers each version of the application gave.</param>
public sealed record WindowReport(
    TimeSpan Began,
    long Requests,
    long Failed,
    LatencyReport Latency,
    IReadOnlyDictionary<string, long> Versions
);

/// <summary>How long something took: the middle, the slowest of a hundred, the slowest.</summary>
/// <param name="P50">Half took no longer.</param>
/// <param name="P99">99 of 100 took no longer.</param>
/// <param name="Max">None took longer.</param>
public sealed record LatencyReport(TimeSpan P50, TimeSpan P99, TimeSpan Max)
{
    internal static LatencyReport Of(Histogram histogram) =>
        new(histogram.Quantile(0.5), histogram.Quantile(0.99), histogram.Max);
}

/// <summary>A request that failed.</summary>
/// <param name="At">When it had failed, since the load began.</param>
/// <param name="Phase">In which phase.</param>
/// <param name="Request">What it was.</param>
/// <param name="Kind">How it failed.</param>
/// <param name="Detail">The same in words.</param>
/// <param name="After">How long after it was due.</param>
public sealed record Failure(
    TimeSpan At,
    string Phase,
    RequestKind Request,
    FailureKind Kind,
    string Detail,
    TimeSpan After
);

/// <summary>The client itself.</summary>
/// <param name="Lateness">How much later than due requests were begun: this process or its machine was slow, not the server.</param>
/// <param name="Cores">How many processors this process has kept busy, on average.</param>
/// <param name="MostUnderWay">The most requests that were under way at one time.</param>
/// <param name="ClosedIdle">How many connections were closed by the server while nothing was asked on them; no failures.</param>
public sealed record ClientReport(LatencyReport Lateness, double Cores, int MostUnderWay, long ClosedIdle);

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    Converters = [typeof(SecondsConverter)]
)]
[JsonSerializable(typeof(LoadReport))]
internal sealed partial class ReportJson : JsonSerializerContext;

internal sealed class SecondsConverter : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        TimeSpan.FromSeconds(reader.GetDouble());

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
        writer.WriteNumberValue(Math.Round(value.TotalSeconds, 6));
}
