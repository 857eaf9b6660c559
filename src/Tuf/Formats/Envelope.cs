using System.Runtime.InteropServices;
using System.Text.Json;

namespace Appliance.Tuf;

/// <summary>A metadata file of any role: what was received, who signed, and what they signed.</summary>
/// <param name="File">Its name, for messages.</param>
/// <param name="Bytes">As received.</param>
/// <param name="Signed">The canonical form of <c>signed</c>, unknown members included.</param>
/// <param name="Content">The value of <c>signed</c>.</param>
internal sealed record Envelope(
    string File,
    ReadOnlyMemory<byte> Bytes,
    IReadOnlyList<Signature> Signatures,
    ReadOnlyMemory<byte> Signed,
    Field Content
)
{
    /// <exception cref="TufException">It is malformed, or has two signatures with one key id.</exception>
    public static Envelope Parse(string file, ReadOnlyMemory<byte> bytes, int maxBytes)
    {
        var document = new Field(file, "", StrictJson.Parse(file, bytes, maxBytes));
        var signatures = new List<Signature>();
        var seen = new HashSet<string>();
        foreach (var item in document.Member("signatures").AtMost(MetadataLimits.Signatures).Items())
        {
            var signature = new Signature(item.Member("keyid").Text(), HexOrNothing(item.Member("sig").Text()));
            if (!seen.Add(signature.KeyId))
                throw item.Wrong("repeats the key id of another signature");
            signatures.Add(signature);
        }

        var signed = document.Member("signed");
        return new(file, bytes, signatures, CanonicalJson.ToSign(signed.Value), signed with { Path = "" });
    }

    /// <summary>The two say the same, whoever signed it.</summary>
    public bool SaysTheSameAs(Envelope other) => Signed.Span.SequenceEqual(other.Signed.Span);

    /// <summary>Refuses whatever could be changed outside the signatures without breaking one.</summary>
    /// <exception cref="TufException">The file is not <c>{"signatures":[…],"signed":…}</c>, rendered as we render it.</exception>
    public void DemandExactRendering()
    {
        var document = StrictJson.Parse(File, Bytes, Bytes.Length);
        var signatures = JsonMarshal.GetRawUtf8Value(document.GetProperty("signatures"));
        if (!Render(signatures, Content.Value).AsSpan().SequenceEqual(Bytes.Span))
            throw new TufException(
                TufFault.Malformed,
                File,
                "is not written as {\"signatures\":[…],\"signed\":…} in canonical form: it was changed after it was made"
            );
    }

    public static byte[] Render(ReadOnlySpan<byte> signatures, JsonElement signed) =>
        [.. "{\"signatures\":"u8, .. signatures, .. ",\"signed\":"u8, .. CanonicalJson.ToStore(signed), .. "}"u8];

    // A signature that cannot be one is ignored, as one of an unknown key is.
    private static byte[] HexOrNothing(string text)
    {
        try
        {
            return Convert.FromHexString(text);
        }
        catch (FormatException)
        {
            return [];
        }
    }
}

/// <param name="Value">Empty when what was received is no signature.</param>
internal sealed record Signature(string KeyId, ReadOnlyMemory<byte> Value);
