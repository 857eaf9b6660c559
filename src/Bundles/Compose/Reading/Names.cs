using System.Text.RegularExpressions;

namespace Appliance.Bundles.Compose.Reading;

/// <summary>Names of services, networks, volumes, secrets, configs and profiles; and those of hosts.</summary>
internal static partial class Names
{
    public const string Rule =
        "not a good name: letters, digits, \"_\", \".\" and \"-\", a letter or digit first, at most 63 characters";

    public static bool IsMatch(string name) => Pattern().IsMatch(name);

    public static bool IsHostName(string name) => HostNames().IsMatch(name);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\z", RegexOptions.None, 1000)]
    private static partial Regex Pattern();

    [GeneratedRegex(
        @"^(?=.{1,253}\z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\z",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex HostNames();
}
