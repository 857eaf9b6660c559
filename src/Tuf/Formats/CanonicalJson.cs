using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Appliance.Tuf;

/// <summary>
/// The one rendering of a value by the rules of OLPC: members sorted by code point, no space, of a string only <c>"</c>
/// and <c>\</c> escaped. Takes what <see cref="StrictJson"/> has read.
/// </summary>
public static class CanonicalJson
{
    /// <summary>
    /// What is signed and hashed. Control characters stand for themselves, so that a value with one (a key in PEM has
    /// line ends) is rendered to what is no JSON.
    /// </summary>
    public static byte[] ToSign(JsonElement value) => Render(value, escapeControls: false);

    /// <summary>
    /// What is stored and sent: the same, but for control characters, which are escaped as JSON wants it
    /// (<c>\b \t \n \f \r</c>, else <c>\u00xx</c>).
    /// </summary>
    public static byte[] ToStore(JsonElement value) => Render(value, escapeControls: true);

    private static byte[] Render(JsonElement value, bool escapeControls)
    {
        var output = new ArrayBufferWriter<byte>();
        new Renderer(output, escapeControls).Write(value);
        return output.WrittenSpan.ToArray();
    }

    private readonly struct Renderer(ArrayBufferWriter<byte> output, bool escapeControls)
    {
        public void Write(JsonElement value)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Object:
                    WriteObject(value);
                    break;
                case JsonValueKind.Array:
                    WriteArray(value);
                    break;
                case JsonValueKind.String:
                    WriteString(Encoding.UTF8.GetBytes(value.GetString()!));
                    break;
                default:
                    output.Write(Encoding.UTF8.GetBytes(value.GetRawText()));
                    break;
            }
        }

        private void WriteObject(JsonElement value)
        {
            var members = new List<(byte[] Name, JsonElement Value)>();
            foreach (var member in value.EnumerateObject())
                members.Add((Encoding.UTF8.GetBytes(member.Name), member.Value));
            // The order of UTF-8 is that of code points; that of UTF-16 is another.
            members.Sort((a, b) => a.Name.AsSpan().SequenceCompareTo(b.Name));

            output.Write("{"u8);
            for (var i = 0; i < members.Count; i++)
            {
                if (i > 0)
                    output.Write(","u8);
                WriteString(members[i].Name);
                output.Write(":"u8);
                Write(members[i].Value);
            }
            output.Write("}"u8);
        }

        private void WriteArray(JsonElement value)
        {
            output.Write("["u8);
            var first = true;
            foreach (var item in value.EnumerateArray())
            {
                if (!first)
                    output.Write(","u8);
                first = false;
                Write(item);
            }
            output.Write("]"u8);
        }

        private void WriteString(ReadOnlySpan<byte> text)
        {
            output.Write("\""u8);
            while (text.IndexOfAny(Special) is >= 0 and var at)
            {
                output.Write(text[..at]);
                WriteSpecial(text[at]);
                text = text[(at + 1)..];
            }
            output.Write(text);
            output.Write("\""u8);
        }

        private void WriteSpecial(byte special)
        {
            if (special is (byte)'"' or (byte)'\\')
                output.Write([(byte)'\\', special]);
            else if (!escapeControls)
                output.Write([special]);
            else
                output.Write(EscapeOf(special));
        }

        private static ReadOnlySpan<byte> EscapeOf(byte control) =>
            control switch
            {
                (byte)'\b' => "\\b"u8,
                (byte)'\t' => "\\t"u8,
                (byte)'\n' => "\\n"u8,
                (byte)'\f' => "\\f"u8,
                (byte)'\r' => "\\r"u8,
                _ => Encoding.ASCII.GetBytes($"\\u{control:x4}"),
            };
    }

    private static readonly SearchValues<byte> Special = SearchValues.Create([
        (byte)'"',
        (byte)'\\',
        .. Enumerable.Range(0, 0x20).Select(c => (byte)c),
    ]);
}
