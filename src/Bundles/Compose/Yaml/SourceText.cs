using System.Text;
using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Yaml;

/// <summary>The characters of a file, and the way from an index back to line and column.</summary>
internal sealed class SourceText
{
    /// <summary>Compose files are written by hand; more than this is a mistake or an attack.</summary>
    public const int MaxBytes = 1024 * 1024;

    private static readonly UTF8Encoding s_strict = new(
        encoderShouldEmitUTF8Identifier: false,
        throwOnInvalidBytes: true
    );

    private readonly List<int> _lineStarts = [0];

    private SourceText(string text)
    {
        Text = text;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\n' || (text[i] == '\r' && (i + 1 == text.Length || text[i + 1] != '\n')))
                _lineStarts.Add(i + 1);
        }
    }

    public string Text { get; }

    public Position PositionOf(int index)
    {
        var line = _lineStarts.BinarySearch(index);
        line = line < 0 ? ~line - 1 : line;
        return new(line + 1, index - _lineStarts[line] + 1);
    }

    /// <returns>Null, with the reason in <paramref name="log"/>, if the bytes are too many or not UTF-8.</returns>
    public static SourceText? Decode(ReadOnlySpan<byte> bytes, Diagnostics log)
    {
        if (bytes.Length > MaxBytes)
        {
            log.Error(new(1, 1), "", $"the file has more than {MaxBytes} bytes");
            return null;
        }

        if (bytes.StartsWith(Encoding.UTF8.Preamble))
            bytes = bytes[Encoding.UTF8.Preamble.Length..];

        try
        {
            return new(s_strict.GetString(bytes));
        }
        catch (DecoderFallbackException e)
        {
            var before = Encoding.UTF8.GetString(bytes[..Math.Clamp(e.Index, 0, bytes.Length)]);
            log.Error(new SourceText(before).PositionOf(before.Length), "", "not UTF-8 text; save the file as UTF-8");
            return null;
        }
    }
}
