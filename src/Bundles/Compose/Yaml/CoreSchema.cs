using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose.Yaml;

/// <summary>The YAML 1.2 core schema (section 10.3): <c>yes</c>, <c>no</c>, <c>on</c> and <c>off</c> are text.</summary>
internal static partial class CoreSchema
{
    public static ScalarKind Resolve(string plain) =>
        plain switch
        {
            "" or "~" or "null" or "Null" or "NULL" => ScalarKind.Null,
            "true" or "True" or "TRUE" or "false" or "False" or "FALSE" => ScalarKind.Boolean,
            _ when Number().IsMatch(plain) => ScalarKind.Number,
            _ => ScalarKind.Text,
        };

    [GeneratedRegex(
        @"^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\z",
        RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant,
        1000
    )]
    private static partial Regex Number();
}
