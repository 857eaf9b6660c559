using System.Text.Json;
using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Oci;

/// <summary>A value of a JSON document that somebody else wrote. What is not as expected is refused with its place.</summary>
internal readonly struct JsonField
{
    // Whoever read it had a lower limit.
    private const int MaxBytes = Limits.ReleaseDocument;

    private readonly JsonElement element;
    private readonly string document;
    private readonly string path;

    private JsonField(JsonElement element, string document, string path) =>
        (this.element, this.document, this.path) = (element, document, path);

    public bool IsNull => element.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    public static JsonField Parse(NamedBytes document)
    {
        try
        {
            return new(StrictJson.ParseAnyNumbers(document.Name, document.Bytes, MaxBytes), document.Name, "");
        }
        catch (TufException e)
        {
            throw new RefusedException(e.Message, e);
        }
    }

    /// <summary>A member of an object; a null value where there is none.</summary>
    public JsonField this[string name]
    {
        get
        {
            if (element.ValueKind is not JsonValueKind.Object)
                throw Refused("must be an object");
            return new(
                element.TryGetProperty(name, out var member) ? member : default,
                document,
                path.Length == 0 ? name : $"{path}.{name}"
            );
        }
    }

    public IEnumerable<(string Name, JsonField Value)> Members()
    {
        if (element.ValueKind is not JsonValueKind.Object)
            throw Refused("must be an object");
        foreach (var member in element.EnumerateObject())
            yield return (member.Name, new(member.Value, document, $"{path}.{member.Name}"));
    }

    public IReadOnlyList<JsonField> Items(int max)
    {
        if (element.ValueKind is not JsonValueKind.Array)
            throw Refused("must be a list");
        if (element.GetArrayLength() is var count && count > max)
            throw Refused($"has {count} items; at most {max} are allowed");

        var (document, path) = (this.document, this.path);
        return [.. element.EnumerateArray().Select((item, i) => new JsonField(item, document, $"{path}[{i}]"))];
    }

    public string Text() =>
        element.ValueKind is JsonValueKind.String ? element.GetString()! : throw Refused("must be a string");

    public string? OptionalText() => IsNull ? null : Text();

    public long Number(long max)
    {
        if (element.ValueKind is JsonValueKind.Number && element.TryGetInt64(out var number))
            return number >= 0 && number <= max ? number : throw Refused($"must be from 0 to {max}, not {number}");
        throw Refused("must be a whole number");
    }

    public string Digest() =>
        Text() is var text && Sha256.IsDigest(text)
            ? text
            : throw Refused("must be sha256: and 64 lower-case hexadecimal digits");

    /// <summary>Digest and size of a descriptor.</summary>
    public Blob Blob(long maxSize) => new(this["digest"].Digest(), this["size"].Number(maxSize));

    public RefusedException Refused(string why) => new($"{Place}: {why}");

    private string Place => path.Length == 0 ? document : $"{document}, {path.TrimStart('.')}";
}
