using System.Text.Json;
using System.Text.Json.Nodes;
using Appliance.Tuf;

namespace Appliance.Bundles.Releases;

/// <summary>
/// Documents of our own have one spelling. To render what was read, and compare, finds what reading alone passes over:
/// members that nobody knows, another order, blanks.
/// </summary>
internal static class Canonical
{
    public static byte[] Render(JsonObject document)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
            document.WriteTo(json);
        using var parsed = JsonDocument.Parse(stream.ToArray());
        return CanonicalJson.ToStore(parsed.RootElement);
    }

    /// <exception cref="RefusedException">They differ.</exception>
    public static void Check(ReadOnlySpan<byte> received, ReadOnlySpan<byte> rendered, string document)
    {
        if (!received.SequenceEqual(rendered))
            throw new RefusedException(
                $"{document} differs at its byte {received.CommonPrefixLength(rendered)} from what it must be: it has a member that is not known here, or is not in canonical form"
            );
    }
}
