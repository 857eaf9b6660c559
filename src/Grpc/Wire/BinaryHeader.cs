using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>Values of <c>-bin</c> keys: base64, sent without padding and accepted with or without it.</summary>
internal static class BinaryHeader
{
    public static string Encode(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    public static bool TryDecode(ReadOnlySpan<char> text, [NotNullWhen(true)] out byte[]? bytes)
    {
        text = text.Trim();
        // Three padding characters are never valid, so at most two are put back.
        var missing = (4 - text.Length % 4) % 4;
        bytes = null;
        if (missing == 3)
            return false;

        var padded = string.Concat(text, "==".AsSpan(0, missing));
        if (!Base64.IsValid(padded, out var length))
            return false;

        var decoded = new byte[length];
        if (!Convert.TryFromBase64String(padded, decoded, out _))
            return false;

        bytes = decoded;
        return true;
    }

    /// <summary>
    /// Adds a header as it was received. HTTP may have joined several <c>-bin</c> values with commas; a value that is
    /// not base64 is left out, since handing on other bytes than were sent would be worse than none.
    /// </summary>
    public static void AddReceived(Metadata metadata, string name, string value)
    {
        if (!name.EndsWith(Metadata.BinaryHeaderSuffix, StringComparison.OrdinalIgnoreCase))
        {
            metadata.Add(Metadata.Entry.Received(name, value));
            return;
        }

        foreach (var part in value.AsSpan().Split(','))
        {
            if (TryDecode(value.AsSpan(part), out var bytes))
                metadata.Add(Metadata.Entry.Received(name, bytes));
        }
    }

    /// <summary>The text that an entry has on the wire.</summary>
    public static string WireValue(Metadata.Entry entry) => entry.IsBinary ? Encode(entry.RawBytes) : entry.Value;
}
