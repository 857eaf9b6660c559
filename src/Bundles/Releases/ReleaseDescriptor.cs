using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Appliance.Bundles.Compose;
using Appliance.Tuf;

namespace Appliance.Bundles.Releases;

/// <summary>
/// The TUF target <c>&lt;product&gt;/&lt;version&gt;.json</c>: what the signatures are about. Everything else of a release
/// follows from its index by digest.
/// </summary>
/// <param name="Index">The release's OCI image index.</param>
/// <param name="SignedAt">When it was made, to the second, UTC; a lower bound of the present for whoever verified it.</param>
public sealed partial record ReleaseDescriptor(
    string Product,
    SemanticVersion Version,
    Blob Index,
    DateTimeOffset SignedAt
)
{
    /// <summary>More than the longest that there can be.</summary>
    public const int MaxBytes = 4096;

    private const int MaxVersionCharacters = 64;
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss'Z'";

    /// <summary>Its name in TUF's targets.</summary>
    public string TargetPath => TargetPathOf(Product, Version);

    /// <summary>The name in TUF's targets that the release of a version has.</summary>
    public static string TargetPathOf(string product, SemanticVersion version) => $"{product}/{version}.json";

    /// <summary>The one rendering: canonical JSON.</summary>
    public byte[] ToBytes()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("index");
            json.WriteString("digest", Index.Digest);
            json.WriteNumber("size", Index.Size);
            json.WriteEndObject();
            json.WriteString("product", Product);
            json.WriteString("signed-at", SignedAt.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture));
            json.WriteString("version", Version.Text);
            json.WriteEndObject();
        }
        return CanonicalJson.ToStore(StrictJson.Parse("descriptor", buffer.WrittenMemory, MaxBytes));
    }

    /// <exception cref="RefusedException">It is anything but what <see cref="ToBytes"/> gives.</exception>
    public static ReleaseDescriptor Parse(ReadOnlyMemory<byte> bytes)
    {
        JsonElement json;
        try
        {
            json = StrictJson.Parse("the release's descriptor", bytes, MaxBytes);
        }
        catch (TufException e)
        {
            throw new RefusedException(e.Message, e);
        }

        var index = Member(json, "index", JsonValueKind.Object);
        var descriptor = new ReleaseDescriptor(
            TextOf(json, "product", IsProduct, "lower-case letters, digits, '-' and '_', at most 63"),
            SemanticVersion.TryParse(TextOf(json, "version", IsVersion, "a semantic version without a build"))!,
            new(
                TextOf(index, "digest", text => Sha256().IsMatch(text), "'sha256:' and 64 hexadecimal digits"),
                SizeOf(index)
            ),
            MomentOf(json)
        );
        // An unknown member, a blank or another order: nobody signed for what it may mean.
        if (!descriptor.ToBytes().AsSpan().SequenceEqual(bytes.Span))
            throw Wrong("it is not in canonical form, or has members that are not known: it may need a newer agent");
        return descriptor;
    }

    /// <summary>Whether this can name a product, as the Compose file's <c>name</c> does.</summary>
    public static bool IsProduct(string name) => ProductName().IsMatch(name);

    /// <summary>Whether this can be the version of a release: it is also an OCI tag.</summary>
    public static bool IsVersion(string text) =>
        text.Length <= MaxVersionCharacters
        && !text.Contains('+', StringComparison.Ordinal)
        && SemanticVersion.TryParse(text) is not null;

    private static JsonElement Member(JsonElement json, string name, JsonValueKind kind) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == kind
            ? value
            : throw Wrong($"'{name}' is missing, or not {kind.ToString().ToLowerInvariant()}");

    private static string TextOf(JsonElement json, string name, Predicate<string> isGood, string what) =>
        Member(json, name, JsonValueKind.String).GetString() is { } text && isGood(text)
            ? text
            : throw Wrong($"'{name}' must be {what}");

    private static long SizeOf(JsonElement index) =>
        Member(index, "size", JsonValueKind.Number).GetInt64() is > 0 and var size
            ? size
            : throw Wrong("'index.size' must be more than 0");

    private static DateTimeOffset MomentOf(JsonElement json) =>
        DateTimeOffset.TryParseExact(
            Member(json, "signed-at", JsonValueKind.String).GetString(),
            TimeFormat,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal,
            out var moment
        )
            ? moment
            : throw Wrong("'signed-at' must be a time as 2026-01-31T12:00:00Z");

    private static RefusedException Wrong(string problem) => new($"the release's descriptor: {problem}");

    [GeneratedRegex(@"^[a-z0-9][a-z0-9_-]{0,62}\z", RegexOptions.None, 1000)]
    private static partial Regex ProductName();

    [GeneratedRegex(@"^sha256:[0-9a-f]{64}\z", RegexOptions.None, 1000)]
    private static partial Regex Sha256();
}

/// <summary>Bytes by what they are: <c>sha256:</c> and 64 hexadecimal digits, and their count.</summary>
public sealed record Blob(string Digest, long Size);
