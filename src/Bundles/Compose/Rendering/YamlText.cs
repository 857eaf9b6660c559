using System.Globalization;
using System.Text;
using Appliance.Bundles.Compose.Yaml;

namespace Appliance.Bundles.Compose.Rendering;

/// <summary>Block-style YAML, two blanks a level; quotes only where a reader could take text for something else.</summary>
internal static class YamlText
{
    public static string Write(CanonicalNode node)
    {
        var text = new StringBuilder();
        Value(text, node, 0);
        return text.ToString().TrimStart('\n') + "\n";
    }

    private static void Value(StringBuilder text, CanonicalNode node, int indent)
    {
        switch (node)
        {
            case CanonicalNode.Map { Entries.Count: > 0 } map:
                foreach (var (key, value) in map.Entries)
                {
                    NewLine(text, indent);
                    Entry(text, key, value, indent);
                }

                break;
            case CanonicalNode.List { Items.Count: > 0 } list:
                foreach (var item in list.Items)
                {
                    NewLine(text, indent);
                    text.Append("- ");
                    Item(text, item, indent + 2);
                }

                break;
            default:
                text.Append(' ').Append(Inline(node));
                break;
        }
    }

    private static void Entry(StringBuilder text, string key, CanonicalNode value, int indent)
    {
        text.Append(Scalar(key)).Append(':');
        Value(text, value, indent + 2);
    }

    // The first entry of a mapping in a list stands on the dash's line.
    private static void Item(StringBuilder text, CanonicalNode item, int indent)
    {
        if (item is not CanonicalNode.Map { Entries.Count: > 0 } map)
        {
            text.Append(Inline(item));
            return;
        }

        for (var i = 0; i < map.Entries.Count; i++)
        {
            if (i > 0)
                NewLine(text, indent);
            Entry(text, map.Entries[i].Key, map.Entries[i].Value, indent);
        }
    }

    private static string Inline(CanonicalNode node) =>
        node switch
        {
            CanonicalNode.Text scalar => Scalar(scalar.Value.Replace("$", "$$", StringComparison.Ordinal)),
            CanonicalNode.Literal literal => literal.Value,
            CanonicalNode.List => "[]",
            _ => "{}",
        };

    private static void NewLine(StringBuilder text, int indent) => text.Append('\n').Append(' ', indent);

    private static string Scalar(string text) => IsSafePlain(text) ? text : Quote(text);

    // Stricter than YAML is, and so independent of which of its readers comes along (1.1 takes "no" and "1:30" for others).
    private static bool IsSafePlain(string text) =>
        text.Length > 0
        && CoreSchema.Resolve(text) == ScalarKind.Text
        && text.ToLowerInvariant() is not ("yes" or "no" or "on" or "off" or "y" or "n" or "<<" or "=")
        && (char.IsAsciiLetter(text[0]) || text[0] is '/' or '_')
        && text.All(c =>
            char.IsAsciiLetterOrDigit(c) || c is '/' or '_' or '-' or '.' or '@' or '+' or '$' or ',' or ':' or '='
        )
        && text[^1] != ':';

    private static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                _ when IsPrintable(c) => quoted.Append(c),
                _ => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
            };
        }

        return quoted.Append('"').ToString();
    }

    // Line separators, the byte order mark and the like are text, but not to every reader.
    private static bool IsPrintable(char c) =>
        c is >= ' ' and <= '~' or >= '\u00a1' and <= '\u1fff' or >= '\u3000' and <= '\ufdff' or '\u20ac';
}
