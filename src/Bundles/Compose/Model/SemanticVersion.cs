using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose;

/// <summary>A version by Semantic Versioning 2.0.0, kept as written.</summary>
public sealed partial record SemanticVersion
{
    private SemanticVersion(string text) => Text = text;

    public string Text { get; }

    /// <returns>Null when <paramref name="text"/> is not a semantic version.</returns>
    public static SemanticVersion? TryParse(string text) =>
        text.Length <= 255 && Grammar().IsMatch(text) ? new(text) : null;

    public override string ToString() => Text;

    [GeneratedRegex(
        @"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?\z",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        1000
    )]
    private static partial Regex Grammar();
}
