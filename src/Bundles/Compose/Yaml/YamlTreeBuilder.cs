using Appliance.Bundles.Compose.Reading;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Appliance.Bundles.Compose.Yaml;

/// <summary>
/// Builds the positioned tree of one document from the parser's events. Aliases share the node that they name; what they
/// would cost written out is counted, so that a few lines cannot grow without bound.
/// </summary>
internal sealed class YamlTreeBuilder
{
    public const int MaxDepth = 64;
    public const int MaxNodes = 100_000;

    private readonly SourceText _source;
    private readonly Diagnostics _log;
    private readonly GuardedParser _parser;

    // A null value is an anchor whose node is still being read.
    private readonly Dictionary<string, YamlNode?> _anchors = [];
    private int _nodesRead;

    private YamlTreeBuilder(SourceText source, Diagnostics log)
    {
        _source = source;
        _log = log;
        _parser = new GuardedParser(source.Text);
    }

    /// <returns>The root, or null with the reason in <paramref name="log"/>.</returns>
    public static YamlNode? Build(SourceText source, Diagnostics log)
    {
        try
        {
            var root = new YamlTreeBuilder(source, log).Document();
            return log.HasErrors ? null : root;
        }
        catch (Refusal e)
        {
            log.Error(e.At, "", e.Message);
        }
        catch (YamlException e)
        {
            log.Error(PositionOf(e.Start), "", $"not valid YAML: {SentenceOf(e)}");
        }

        return null;
    }

    private YamlNode? Document()
    {
        _parser.Consume<StreamStart>();
        if (!_parser.TryConsume<DocumentStart>(out _))
            throw new Refusal(new(1, 1), "the file is empty; it needs at least \"name\" and \"services\"");

        var root = Node(depth: 1);
        _parser.Consume<DocumentEnd>();
        if (_parser.Accept<DocumentStart>(out var second))
            throw new Refusal(PositionOf(second.Start), "a second document; a Compose file holds exactly one");

        return root;
    }

    private YamlNode Node(int depth)
    {
        var current = _parser.Consume<ParsingEvent>();
        var at = PositionOf(current.Start);
        if (depth > MaxDepth)
            throw new Refusal(at, $"nested more than {MaxDepth} levels deep");
        if (++_nodesRead > MaxNodes)
            throw new Refusal(at, $"more than {MaxNodes} nodes");

        if (current is AnchorAlias alias)
            return Resolve(alias, at);

        var anchor = current is NodeEvent { Anchor.IsEmpty: false } anchored ? anchored.Anchor.Value : null;
        if (anchor is not null)
            _anchors[anchor] = null;

        YamlNode node = current switch
        {
            Scalar scalar => ScalarOf(scalar),
            SequenceStart start => List(start, at, depth),
            MappingStart start => Map(start, at, depth),
            _ => throw new Refusal(at, "unexpected YAML here"),
        };

        if (node.Weight > MaxNodes)
            throw new Refusal(at, $"with its aliases written out, this holds more than {MaxNodes} nodes");
        if (anchor is not null)
            _anchors[anchor] = node;

        return node;
    }

    private YamlNode Resolve(AnchorAlias alias, Position at) =>
        _anchors.TryGetValue(alias.Value.Value, out var node)
            ? node ?? throw new Refusal(at, $"the alias \"*{alias.Value}\" stands inside the node that it names")
            : throw new Refusal(at, $"unknown alias \"*{alias.Value}\"; no \"&{alias.Value}\" stands before it");

    private ScalarNode ScalarOf(Scalar scalar)
    {
        var at = PositionOf(scalar.Start);
        if (!IsText(scalar.Value))
            throw new Refusal(at, "holds a NUL character or half a surrogate pair, which no text has");

        var plain = scalar.Style == ScalarStyle.Plain;
        var kind = TagOf(scalar) switch
        {
            "" => plain ? CoreSchema.Resolve(scalar.Value) : ScalarKind.Text,
            "!" or "tag:yaml.org,2002:str" => ScalarKind.Text,
            "tag:yaml.org,2002:int" or "tag:yaml.org,2002:float" => ScalarKind.Number,
            "tag:yaml.org,2002:bool" => ScalarKind.Boolean,
            "tag:yaml.org,2002:null" => ScalarKind.Null,
            var tag => ReportTag(at, tag),
        };
        return new(at, scalar.Value, kind, (int)scalar.Start.Index, (int)scalar.End.Index);
    }

    private ListNode List(SequenceStart start, Position at, int depth)
    {
        if (TagOf(start) is not ("" or "!" or "tag:yaml.org,2002:seq"))
            ReportTag(at, TagOf(start));

        var items = new List<YamlNode>();
        while (!_parser.TryConsume<SequenceEnd>(out _))
            items.Add(Node(depth + 1));
        return new(at, items);
    }

    private MapNode Map(MappingStart start, Position at, int depth)
    {
        if (TagOf(start) is not ("" or "!" or "tag:yaml.org,2002:map"))
            ReportTag(at, TagOf(start));

        var map = new MapBuilder(_log);
        while (!_parser.TryConsume<MappingEnd>(out _))
        {
            // A flow mapping may name an alias as a key; its text is what counts, its place is here.
            var isMerge = _parser.Accept<Scalar>(out var scalar) && scalar is { Style: ScalarStyle.Plain, Value: "<<" };
            var keyAt = PositionOf(_parser.Current!.Start);
            var key = Node(depth + 1);
            var value = Node(depth + 1);
            if (key is not ScalarNode name)
                throw new Refusal(keyAt, $"a key must be text, not {key.Describe()}");

            if (isMerge)
                map.Merge(name, value);
            else
                map.Add(name, value);
        }

        return new(at, map.Entries());
    }

    private static string TagOf(NodeEvent node) =>
        node.Tag.IsEmpty ? ""
        : node.Tag.IsNonSpecific ? "!"
        : node.Tag.Value;

    private static bool IsText(string value)
    {
        for (var i = 0; i < value.Length; i++)
        {
            if (value[i] == '\0' || (char.IsSurrogate(value[i]) && !char.IsSurrogatePair(value, i++)))
                return false;
        }

        return true;
    }

    private ScalarKind ReportTag(Position at, string tag)
    {
        _log.Error(at, "", $"the tag \"{tag}\" is not supported; remove it");
        return ScalarKind.Text;
    }

    private static Position PositionOf(Mark mark) => new((int)mark.Line, (int)mark.Column);

    // The parser's exceptions may carry the inner reason or a position that we print ourselves.
    private static string SentenceOf(YamlException e)
    {
        var text = (e.InnerException?.Message ?? e.Message).Trim();
        var sentence = text.Length == 0 ? "the parser gave up here" : text.TrimEnd('.');
        return char.ToLowerInvariant(sentence[0]) + sentence[1..];
    }

    private sealed class Refusal(Position at, string message) : Exception(message)
    {
        public Position At { get; } = at;
    }
}
