using System.Text;
using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>Short ways to say "this file, read, gives this".</summary>
internal static class Cases
{
    /// <summary>A folder that does not exist: for files that name no others.</summary>
    public const string NoFolder = "/nonexistent/release";

    public static ComposeResult Parse(string yaml, ComposeOptions? options = null, string folder = NoFolder) =>
        ComposeLoader.Parse(Encoding.UTF8.GetBytes(yaml), "compose.yaml", folder, options ?? ComposeOptions.Default);

    public static ComposeResult Parse(string yaml, params (string Name, string Value)[] variables) =>
        Parse(yaml, new ComposeOptions { Variables = variables.ToDictionary(v => v.Name, v => v.Value) });

    /// <summary>Reads a file that must be good.</summary>
    public static ComposeModel Good(ComposeResult result)
    {
        Assert.Equal([], result.Errors.Select(e => e.ToString()));
        return result.Model!;
    }

    public static ComposeModel Good(string yaml) => Good(Parse(yaml));

    /// <summary>Line:column, path and message of every finding.</summary>
    public static string[] Findings(ComposeResult result) =>
        [.. result.Diagnostics.Select(d => $"{d}".Replace("compose.yaml:", "", StringComparison.Ordinal))];

    /// <summary>A file with one service, whose keys begin in line 5, column 5.</summary>
    public static string Service(string keys) =>
        $"name: test\nservices:\n  web:\n    image: nginx:1.27\n{Indent(keys, 4)}\n";

    /// <summary>
    /// The service's keys as they are printed in canonical form, without those that every service has.
    /// </summary>
    public static string Canonical(ComposeModel model)
    {
        string[] everyService =
        [
            "    image: nginx:1.27",
            "    networks:",
            "      default: {}",
            "    stop_grace_period: 10s",
        ];
        var lines = ComposeText
            .ToYaml(model)
            .Split('\n')
            .SkipWhile(l => l != "  web:")
            .Skip(1)
            .TakeWhile(l => l.StartsWith("    ", StringComparison.Ordinal))
            .Where(l => !everyService.Contains(l))
            .Select(l => l[4..]);
        return string.Join('\n', lines);
    }

    private static string Indent(string text, int by) =>
        string.Join('\n', text.Split('\n').Select(l => new string(' ', by) + l));
}
