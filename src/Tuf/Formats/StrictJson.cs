using System.Text.Json;
using System.Text.Unicode;

namespace Appliance.Tuf;

/// <summary>Reads JSON that means one thing only: valid UTF-8, no member twice, whole numbers of 64 bits, bounded depth.</summary>
public static class StrictJson
{
    /// <param name="file">What the bytes are called in messages.</param>
    /// <exception cref="TufException">It is something else, or longer than <paramref name="maxBytes"/>.</exception>
    public static JsonElement Parse(string file, ReadOnlyMemory<byte> bytes, int maxBytes) =>
        Parse(file, bytes, maxBytes, anyNumbers: false);

    /// <summary>The same, but with numbers of any kind, for documents of others: whoever reads one looks at it then.</summary>
    /// <inheritdoc cref="Parse(string, ReadOnlyMemory{byte}, int)"/>
    public static JsonElement ParseAnyNumbers(string file, ReadOnlyMemory<byte> bytes, int maxBytes) =>
        Parse(file, bytes, maxBytes, anyNumbers: true);

    private static JsonElement Parse(string file, ReadOnlyMemory<byte> bytes, int maxBytes, bool anyNumbers)
    {
        if (bytes.Length > maxBytes)
            throw new TufException(TufFault.Malformed, file, $"has more than {maxBytes} bytes");
        if (!Utf8.IsValid(bytes.Span))
            throw new TufException(TufFault.Malformed, file, "is not valid UTF-8");
        try
        {
            CheckTokens(file, bytes.Span, anyNumbers);
            using var document = JsonDocument.Parse(
                bytes,
                new() { MaxDepth = MetadataLimits.Depth, AllowDuplicateProperties = false }
            );
            return document.RootElement.Clone();
        }
        // The second: an escape that is half of a surrogate pair, which no text can hold.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new TufException(TufFault.Malformed, file, $"is not the JSON that is allowed here: {e.Message}", e);
        }
    }

    private static void CheckTokens(string file, ReadOnlySpan<byte> bytes, bool anyNumbers)
    {
        var reader = new Utf8JsonReader(bytes, new() { MaxDepth = MetadataLimits.Depth });
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.Number when !anyNumbers && !IsWhole(ref reader):
                    throw new TufException(
                        TufFault.Malformed,
                        file,
                        $"has a number that is not whole, or too large, at byte {reader.TokenStartIndex}"
                    );
                case JsonTokenType.PropertyName or JsonTokenType.String when reader.ValueIsEscaped:
                    reader.GetString();
                    break;
            }
        }
    }

    // Minus zero has two spellings of one value, and a number with a point or an exponent has many.
    private static bool IsWhole(ref Utf8JsonReader reader) =>
        reader.ValueSpan.IndexOfAny(".eE"u8) < 0
        && !reader.ValueSpan.SequenceEqual("-0"u8)
        && reader.TryGetInt64(out _);
}
