using System.CommandLine;

namespace Appliance.Cli.Commands;

/// <summary>Options that mean the same on several commands.</summary>
internal static class CommonOptions
{
    public static Option<int?> Tail(string description) =>
        new("--tail", "-n")
        {
            Description = description,
            HelpName = "N",
            CustomParser = result =>
            {
                if (int.TryParse(result.Tokens[0].Value, out var n) && n >= 0)
                    return n;
                result.AddError($"--tail is a number of lines, not '{result.Tokens[0].Value}'.");
                return null;
            },
        };

    public static Option<bool> Follow(string description) => new("--follow", "-f") { Description = description };
}
