using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Yaml;

/// <summary>
/// Collects the entries of one mapping. A mapping's own keys win over merged ones, and of several merged mappings the
/// earlier wins; merged keys take the place of the <c>&lt;&lt;</c>.
/// </summary>
internal sealed class MapBuilder(Diagnostics log)
{
    private readonly List<(MapEntry Entry, bool Merged)> _entries = [];
    private readonly Dictionary<string, Position> _own = [];
    private readonly HashSet<string> _merged = [];

    public void Add(ScalarNode key, YamlNode value)
    {
        if (_own.TryGetValue(key.Text, out var first))
        {
            log.Error(key.At, "", $"duplicate key \"{key.Text}\"; it stands in line {first.Line} already");
            return;
        }

        _own.Add(key.Text, key.At);
        _entries.Add((new(key, value), Merged: false));
    }

    public void Merge(ScalarNode key, YamlNode value)
    {
        switch (value)
        {
            case MapNode map:
                MergeOne(map);
                break;
            case ListNode list when list.Items.All(i => i is MapNode):
                foreach (var map in list.Items.Cast<MapNode>())
                    MergeOne(map);
                break;
            default:
                log.Error(key.At, "", $"\"<<\" merges a mapping or a list of mappings, not {value.Describe()}");
                break;
        }
    }

    public List<MapEntry> Entries() =>
        [.. _entries.Where(e => !e.Merged || !_own.ContainsKey(e.Entry.Key.Text)).Select(e => e.Entry)];

    private void MergeOne(MapNode map)
    {
        foreach (var entry in map.Entries)
        {
            if (_merged.Add(entry.Key.Text))
                _entries.Add((entry, Merged: true));
        }
    }
}
