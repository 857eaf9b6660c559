namespace Appliance.Bundles.Compose.Reading;

/// <summary>The known keys of a mapping.</summary>
internal sealed class MapReader(Field field, IReadOnlyDictionary<string, Field> fields)
{
    public Field Field { get; } = field;

    /// <summary>Null when the key is absent, or has no value, which is reported: it means nothing.</summary>
    public Field? this[string key]
    {
        get
        {
            if (!fields.TryGetValue(key, out var value))
                return null;
            if (!value.IsNull)
                return value;
            value.ErrorAtKey("has no value; give it one or remove the key");
            return null;
        }
    }

    public bool Has(string key) => fields.ContainsKey(key);

    /// <summary>A key for which no value means the same as leaving it out.</summary>
    public Field? Nullable(string key) => fields.TryGetValue(key, out var value) && !value.IsNull ? value : null;

    /// <summary>A key that must be there.</summary>
    public Field? Required(string key, string what)
    {
        // A mapping that is none was reported as that.
        if (!fields.ContainsKey(key) && Field.IsMap)
            Field.ErrorAtKey($"has no \"{key}\": {what}");
        return this[key];
    }
}

/// <summary>The keys that a mapping may have.</summary>
/// <param name="owner">What the mapping is, for messages: "service".</param>
/// <param name="refused">Keys of Compose that are known and refused, with the reason and what to do.</param>
/// <param name="extensions">Whether <c>x-</c> keys may stand here, as the Specification allows it in most places.</param>
internal sealed class KeySet(
    string owner,
    IReadOnlyCollection<string> supported,
    IReadOnlyDictionary<string, string>? refused = null,
    bool extensions = true
)
{
    private readonly HashSet<string> _supported = [.. supported];

    public bool Supports(string key) => _supported.Contains(key);

    /// <returns>The reason against a key; null if it may stand here and means nothing.</returns>
    public string? WhyNot(string key)
    {
        if (refused?.GetValueOrDefault(key) is { } reason)
            return reason;
        if (key == "x-appliance")
            return $"x-appliance means nothing in a {owner}; it belongs in a service or at the top level";
        if (extensions && key.StartsWith("x-", StringComparison.Ordinal))
            return null;
        if (key == "<<")
            return "merges nothing while it is in quotes; write it without";

        var hint = Spelling.Nearest(key, _supported);
        return hint is null
            ? $"unknown key in a {owner}; known are: {string.Join(", ", _supported.Order(StringComparer.Ordinal))}"
            : $"unknown key; did you mean \"{hint}\"?";
    }
}
