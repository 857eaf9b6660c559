using System.Text;

namespace Appliance.Tests.Machines;

/// <summary>
/// What a console has printed, as text without terminal control: its last part, and positions that stay valid when the
/// beginning is forgotten. Not safe for several threads.
/// </summary>
internal sealed class ConsoleText(int capacity)
{
    private readonly StringBuilder text = new();
    private readonly Decoder decoder = Encoding.UTF8.GetDecoder();
    private Escape escape;
    private long forgotten;

    private enum Escape
    {
        None,
        Started,
        Csi,
        Osc,
        OscEnding,
    }

    /// <summary>The position behind the last character.</summary>
    public long End => forgotten + text.Length;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        Span<char> chars = new char[decoder.GetCharCount(bytes, flush: false)];
        decoder.GetChars(bytes, chars, flush: false);
        foreach (var c in chars)
        {
            if (IsShown(c))
                text.Append(c);
        }
        // Half of it at once, so that forgetting costs little.
        if (text.Length <= capacity)
            return;
        var excess = text.Length - (capacity / 2);
        text.Remove(0, excess);
        forgotten += excess;
    }

    /// <summary>What was printed from a position on, as far as it is remembered.</summary>
    public string From(long position)
    {
        var start = (int)Math.Clamp(position - forgotten, 0, text.Length);
        return text.ToString(start, text.Length - start);
    }

    // ECMA-48: ESC [ … final byte, ESC ] … BEL or ESC \, ESC and one other.
    private bool IsShown(char c)
    {
        switch (escape)
        {
            case Escape.None when c == '\e':
                escape = Escape.Started;
                return false;
            case Escape.None:
                return c is '\n' or '\t' || !char.IsControl(c);
            case Escape.Started:
                escape =
                    c == '[' ? Escape.Csi
                    : c == ']' ? Escape.Osc
                    : Escape.None;
                return false;
            case Escape.Csi:
                // A line's end ends what was cut short too.
                if (c is >= '@' and <= '~' or '\n')
                    escape = Escape.None;
                return c == '\n';
            case Escape.Osc:
                escape =
                    c is '\a' or '\n' ? Escape.None
                    : c == '\e' ? Escape.OscEnding
                    : Escape.Osc;
                return c == '\n';
            default:
                escape = c == '\\' ? Escape.None : Escape.Osc;
                return false;
        }
    }
}
