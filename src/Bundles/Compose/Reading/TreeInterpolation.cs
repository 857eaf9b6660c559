using Appliance.Bundles.Compose.Yaml;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Interpolates every value of a tree (never a key), each shared node once.</summary>
internal sealed class TreeInterpolation(SourceText source, Variables variables, Diagnostics log)
{
    private readonly Dictionary<YamlNode, YamlNode> _done = new(ReferenceEqualityComparer.Instance);

    public YamlNode Apply(YamlNode node, string path)
    {
        if (_done.TryGetValue(node, out var done))
            return done;

        return _done[node] = node switch
        {
            ScalarNode scalar => Scalar(scalar, path),
            ListNode list => new ListNode(list.At, [.. list.Items.Select((item, i) => Apply(item, $"{path}[{i}]"))]),
            MapNode map => new MapNode(
                map.At,
                [.. map.Entries.Select(e => e with { Value = Apply(e.Value, Field.Join(path, e.Key.Text)) })]
            ),
            _ => node,
        };
    }

    private ScalarNode Scalar(ScalarNode scalar, string path)
    {
        var (text, faults) = Interpolation.Expand(scalar.Text, variables);
        foreach (var fault in faults)
            log.Error(Locate(scalar, fault.Index), path, fault.Message);

        return ReferenceEquals(text, scalar.Text) ? scalar : scalar.WithText(text);
    }

    // The n-th dollar sign of the value is the n-th of its source, whatever quotes, folding or indentation did to the rest.
    private Position Locate(ScalarNode scalar, int index)
    {
        var raw = source.Text.AsSpan(scalar.Start, scalar.End - scalar.Start);
        if (raw.Count('$') != scalar.Text.AsSpan().Count('$'))
            return scalar.At; // written as an escape, \x24

        var offset = -1;
        for (var n = scalar.Text.AsSpan(0, index).Count('$'); n >= 0; n--)
            offset += 1 + raw[(offset + 1)..].IndexOf('$');
        return source.PositionOf(scalar.Start + offset);
    }
}
