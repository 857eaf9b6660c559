using System.Buffers;
using System.Text;

namespace Appliance.Cli.Output;

/// <summary>Makes text from elsewhere fit to print: containers must not be able to drive an administrator's terminal.</summary>
internal static class Text
{
    // C0 without the tab, DEL and C1; then what reverses, hides or breaks text: marks, embeddings and overrides,
    // isolates, separators, blanks without width.
    private static readonly SearchValues<char> Suspicious = SearchValues.Create(
        "\0\u0001\u0002\u0003\u0004\u0005\u0006\a\b\n\v\f\r\u000e\u000f"
            + "\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f\u007f"
            + "\u0080\u0081\u0082\u0083\u0084\u0085\u0086\u0087\u0088\u0089\u008a\u008b\u008c\u008d\u008e\u008f"
            + "\u0090\u0091\u0092\u0093\u0094\u0095\u0096\u0097\u0098\u0099\u009a\u009b\u009c\u009d\u009e\u009f"
            + "\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
    );

    private static readonly SearchValues<char> ColorParameters = SearchValues.Create("0123456789;:");

    /// <summary>
    /// Colour sequences go; every other control character, and what reorders text or breaks lines, is shown as an
    /// escape (<c>\x1b</c>, <c>\u202e</c>). A tab stays.
    /// </summary>
    public static string OneLine(string text)
    {
        var first = text.AsSpan().IndexOfAny(Suspicious);
        if (first < 0)
            return text;

        var clean = new StringBuilder(text, 0, first, text.Length + 16);
        for (var i = first; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\e' && ColorSequence(text.AsSpan(i)) is > 0 and var length)
                i += length - 1;
            else if (!Suspicious.Contains(c))
                clean.Append(c);
            else
                clean.Append(Escaped(c));
        }
        return clean.ToString();
    }

    public static string Capitalized(string words) => char.ToUpperInvariant(words[0]) + words[1..];

    /// <summary>"1 image", "2 images".</summary>
    public static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    private static string Escaped(char c) =>
        c switch
        {
            '\n' => "\\n",
            '\r' => "\\r",
            < '\u0100' => $"\\x{(int)c:x2}",
            _ => $"\\u{(int)c:x4}",
        };

    /// <summary>The length of <c>ESC [ digits and semicolons m</c> at the start, or 0.</summary>
    private static int ColorSequence(ReadOnlySpan<char> text)
    {
        if (text.Length < 3 || text[1] != '[')
            return 0;
        var end = text[2..].IndexOfAnyExcept(ColorParameters);
        return end >= 0 && text[2 + end] == 'm' ? end + 3 : 0;
    }
}
