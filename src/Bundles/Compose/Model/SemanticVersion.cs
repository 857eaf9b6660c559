using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose;

/// <summary>A version by Semantic Versioning 2.0.0, kept as written. Its order is that of section 11; the build is no part of it.</summary>
public sealed partial record SemanticVersion : IComparable<SemanticVersion>
{
    private readonly string[] core;
    private readonly string[] preRelease;

    private SemanticVersion(string text)
    {
        Text = text;
        var withoutBuild = text.Split('+', 2)[0];
        var parts = withoutBuild.Split('-', 2);
        core = parts[0].Split('.');
        preRelease = parts.Length > 1 ? parts[1].Split('.') : [];
    }

    public string Text { get; }

    /// <returns>Null when <paramref name="text"/> is not a semantic version.</returns>
    public static SemanticVersion? TryParse(string text) =>
        text.Length <= 255 && Grammar().IsMatch(text) ? new(text) : null;

    /// <summary>Precedence: negative when this one is lower, 0 when neither is.</summary>
    public int CompareTo(SemanticVersion? other)
    {
        if (other is null)
            return 1;
        for (var i = 0; i < core.Length; i++)
        {
            if (CompareNumbers(core[i], other.core[i]) is not 0 and var difference)
                return difference;
        }
        if (preRelease.Length == 0 || other.preRelease.Length == 0)
            return other.preRelease.Length - preRelease.Length;
        for (var i = 0; i < Math.Min(preRelease.Length, other.preRelease.Length); i++)
        {
            if (CompareIdentifiers(preRelease[i], other.preRelease[i]) is not 0 and var difference)
                return difference;
        }
        return preRelease.Length - other.preRelease.Length;
    }

    public bool Equals(SemanticVersion? other) => other is not null && Text == other.Text;

    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Text;

    public static bool operator <(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) < 0;

    public static bool operator >(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) > 0;

    public static bool operator <=(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) <= 0;

    public static bool operator >=(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) >= 0;

    private static int CompareIdentifiers(string left, string right) =>
        (IsNumber(left), IsNumber(right)) switch
        {
            (true, true) => CompareNumbers(left, right),
            // Numbers come before words.
            (true, false) => -1,
            (false, true) => 1,
            _ => string.CompareOrdinal(left, right),
        };

    // Of any length, and without leading zeros by the grammar.
    private static int CompareNumbers(string left, string right) =>
        left.Length != right.Length ? left.Length - right.Length : string.CompareOrdinal(left, right);

    private static bool IsNumber(string text) => text.All(char.IsAsciiDigit);

    [GeneratedRegex(
        @"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?\z",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        1000
    )]
    private static partial Regex Grammar();
}
