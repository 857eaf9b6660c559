using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Appliance.Docker;

/// <summary>A stream of JSON values, one to a line: events, stats, the progress of a load.</summary>
internal static class JsonStream
{
    public static async IAsyncEnumerable<T> ReadAllAsync<T>(
        EngineStream stream,
        int maxLineBytes,
        JsonTypeInfo<T> type,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        var lines = new LineReader(stream, maxLineBytes);
        while (await lines.ReadAsync(ct) is { } line)
            yield return Parse(stream, line.Span, type);
    }

    private static T Parse<T>(EngineStream stream, ReadOnlySpan<byte> line, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(line, type) ?? throw new JsonException("null where a value was expected");
        }
        catch (JsonException e)
        {
            throw new EngineProtocolException(
                stream.Response.StatusCode,
                $"the engine sent a line that is not the JSON expected: {e.Message}",
                e
            );
        }
    }
}
