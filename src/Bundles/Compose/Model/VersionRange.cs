namespace Appliance.Bundles.Compose;

/// <summary>
/// Versions that satisfy all comparisons of a list such as <c>&gt;=1.2.0 &lt;2.0.0</c>; the order is that of Semantic
/// Versioning. Operators: <c>=</c>, <c>&lt;</c>, <c>&lt;=</c>, <c>&gt;</c>, <c>&gt;=</c>; without one, <c>=</c>.
/// </summary>
public sealed record VersionRange
{
    private const int MaxTerms = 16;

    private readonly IReadOnlyList<(string Operator, SemanticVersion Version)> terms;

    private VersionRange(string text, IReadOnlyList<(string Operator, SemanticVersion Version)> terms) =>
        (Text, this.terms) = (text, terms);

    /// <summary>One space between terms, none within.</summary>
    public string Text { get; }

    /// <returns>Null when <paramref name="text"/> is not a range.</returns>
    public static VersionRange? TryParse(string text)
    {
        if (text.Length > 1024)
            return null;
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var parsed = new List<(string Operator, SemanticVersion Version)>();
        foreach (var word in words)
        {
            var length = word.AsSpan().IndexOfAnyExcept("<>=");
            if (length < 0 || word[..length] is not ("" or "=" or "<" or "<=" or ">" or ">="))
                return null;
            if (SemanticVersion.TryParse(word[length..]) is not { } version)
                return null;
            parsed.Add((length == 0 ? "=" : word[..length], version));
        }
        return parsed.Count is 0 or > MaxTerms
            ? null
            : new VersionRange(string.Join(" ", parsed.Select(t => t.Operator + t.Version)), parsed);
    }

    public bool Contains(SemanticVersion version)
    {
        ArgumentNullException.ThrowIfNull(version);
        return terms.All(t =>
            version.CompareTo(t.Version) is var order
            && t.Operator switch
            {
                "<" => order < 0,
                "<=" => order <= 0,
                ">" => order > 0,
                ">=" => order >= 0,
                _ => order == 0,
            }
        );
    }

    public bool Equals(VersionRange? other) => other is not null && Text == other.Text;

    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Text;
}
