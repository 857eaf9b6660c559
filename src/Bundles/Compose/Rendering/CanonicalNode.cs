namespace Appliance.Bundles.Compose.Rendering;

/// <summary>The model as a tree that both YAML and JSON can show.</summary>
internal abstract record CanonicalNode
{
    /// <summary>Text as the author would write it; a dollar sign is doubled when printed, so that it reads back as itself.</summary>
    public sealed record Text(string Value) : CanonicalNode;

    /// <summary>A number or boolean, in YAML's and JSON's common spelling.</summary>
    public sealed record Literal(string Value) : CanonicalNode;

    public sealed record List(IReadOnlyList<CanonicalNode> Items) : CanonicalNode;

    public sealed record Map(IReadOnlyList<KeyValuePair<string, CanonicalNode>> Entries) : CanonicalNode;
}

/// <summary>Collects the entries of a mapping; what is null or empty is left out, since it reads back as the same.</summary>
internal sealed class CanonicalMap
{
    private readonly List<KeyValuePair<string, CanonicalNode>> _entries = [];

    public CanonicalMap Add(string key, CanonicalNode? value)
    {
        if (value is not null)
            _entries.Add(new(key, value));
        return this;
    }

    public CanonicalMap Add(string key, string? value) =>
        Add(key, value is null ? null : new CanonicalNode.Text(value));

    public CanonicalMap Add(string key, long? value) =>
        Add(key, value is { } number ? new CanonicalNode.Literal(FormattableString.Invariant($"{number}")) : null);

    public CanonicalMap Add(string key, bool value) => Add(key, value ? new CanonicalNode.Literal("true") : null);

    /// <summary>A list that is there even when it is empty.</summary>
    public CanonicalMap AddList(string key, IReadOnlyList<string>? values) =>
        Add(key, values is null ? null : new CanonicalNode.List([.. values.Select(v => new CanonicalNode.Text(v))]));

    public CanonicalMap AddNonEmpty(string key, IReadOnlyList<string> values) =>
        values.Count == 0 ? this : AddList(key, values);

    public CanonicalMap AddNonEmpty(string key, IReadOnlyDictionary<string, string> values) =>
        AddEach(key, values, v => v.Key, v => new CanonicalNode.Text(v.Value));

    public CanonicalMap AddNonEmpty<T>(string key, IReadOnlyCollection<T> values, Func<T, CanonicalNode> node) =>
        values.Count == 0 ? this : Add(key, new CanonicalNode.List([.. values.Select(node)]));

    public CanonicalMap AddEach<T>(
        string key,
        IReadOnlyCollection<T> values,
        Func<T, string> name,
        Func<T, CanonicalNode> node
    ) =>
        values.Count == 0
            ? this
            : Add(key, new CanonicalNode.Map([.. values.Select(v => KeyValuePair.Create(name(v), node(v)))]));

    public CanonicalMap AddNonEmpty(string key, CanonicalMap value) =>
        value._entries.Count == 0 ? this : Add(key, value.ToNode());

    public CanonicalNode ToNode() => new CanonicalNode.Map(_entries);
}
