using System.Runtime.InteropServices;

namespace Appliance.Bundles.Compose.Yaml;

/// <summary>Both from 1; columns count UTF-16 units.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Position(int Line, int Column);

/// <summary>A node of a document, with the place it starts at. Shared where the document has aliases.</summary>
/// <param name="weight">The nodes in it, aliases written out: what it costs to read it.</param>
internal abstract class YamlNode(Position at, long weight)
{
    public Position At { get; } = at;
    public long Weight { get; } = weight;

    /// <summary>"a mapping", for messages.</summary>
    public abstract string Describe();
}

/// <summary>What an unquoted scalar means by the YAML 1.2 core schema; one in quotes is always text.</summary>
internal enum ScalarKind
{
    Text,
    Null,
    Boolean,
    Number,
}

/// <param name="start">Index of its first character in the source, quotes and block indicators included.</param>
/// <param name="end">Index after its last.</param>
internal sealed class ScalarNode(Position at, string text, ScalarKind kind, int start, int end) : YamlNode(at, 1)
{
    public string Text { get; } = text;
    public ScalarKind Kind { get; } = kind;
    public int Start { get; } = start;
    public int End { get; } = end;

    /// <summary>The same place with another text, which is then no number or boolean literal any more.</summary>
    public ScalarNode WithText(string text) => new(At, text, ScalarKind.Text, Start, End);

    public override string Describe() =>
        Kind switch
        {
            ScalarKind.Null => "nothing",
            ScalarKind.Boolean => "a boolean",
            ScalarKind.Number => "a number",
            _ => "a string",
        };
}

internal sealed class ListNode(Position at, IReadOnlyList<YamlNode> items) : YamlNode(at, 1 + items.Sum(i => i.Weight))
{
    public IReadOnlyList<YamlNode> Items { get; } = items;

    public override string Describe() => "a list";
}

internal readonly record struct MapEntry(ScalarNode Key, YamlNode Value);

/// <summary>Keys are unique, merges are done, order is the document's.</summary>
internal sealed class MapNode(Position at, IReadOnlyList<MapEntry> entries)
    : YamlNode(at, 1 + entries.Sum(e => 1 + e.Value.Weight))
{
    public IReadOnlyList<MapEntry> Entries { get; } = entries;

    public override string Describe() => "a mapping";
}
