using System.Buffers;
using System.Text;

namespace Grpc.Wire;

/// <summary>The encoding of <c>grpc-message</c>: UTF-8 with everything outside 0x20-0x7E, and %, as %XX.</summary>
internal static class PercentEncoding
{
    // Characters that stand for themselves: printable ASCII without the percent sign.
    private static readonly SearchValues<char> Plain = SearchValues.Create([
        .. Enumerable.Range(' ', '~' - ' ' + 1).Select(code => (char)code).Where(c => c != '%'),
    ]);

    public static string Encode(string text)
    {
        if (!text.AsSpan().ContainsAnyExcept(Plain))
            return text;

        var encoded = new StringBuilder(text.Length + 16);
        Span<byte> utf8 = stackalloc byte[4];
        // A lone surrogate becomes U+FFFD, so that every string can be sent.
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsBmp && Plain.Contains((char)rune.Value))
            {
                encoded.Append((char)rune.Value);
                continue;
            }

            foreach (var part in utf8[..rune.EncodeToUtf8(utf8)])
                encoded.Append('%').Append(part.ToString("X2"));
        }

        return encoded.ToString();
    }

    /// <summary>Never fails: broken escapes stay as they are, and bytes that are not UTF-8 become U+FFFD.</summary>
    public static string Decode(string text)
    {
        if (!text.Contains('%'))
            return text;

        // Not ASCII is against the protocol, but taking it as it is loses the least.
        var bytes = Encoding.UTF8.GetBytes(text);
        var length = 0;
        for (var at = 0; at < bytes.Length; at++)
        {
            if (
                bytes[at] == '%'
                && at + 2 < bytes.Length
                && char.IsAsciiHexDigit((char)bytes[at + 1])
                && char.IsAsciiHexDigit((char)bytes[at + 2])
            )
            {
                bytes[length++] = Convert.FromHexString([(char)bytes[at + 1], (char)bytes[at + 2]])[0];
                at += 2;
            }
            else
                bytes[length++] = bytes[at];
        }

        return Encoding.UTF8.GetString(bytes, 0, length);
    }
}
