using System.CommandLine;

namespace Appliance.Cli;

internal enum OutputFormat
{
    Table,
    Json,
}

/// <summary>The options that every command takes.</summary>
internal static class GlobalOptions
{
    public const string DefaultSocket = "/run/appliance-agent/agent.sock";

    private static readonly Option<string> Socket = new("--socket")
    {
        Description = $"The agent's socket (default: $APPLIANCE_SOCKET, else {DefaultSocket})",
        HelpName = "PATH",
        Recursive = true,
    };

    private static readonly Option<OutputFormat> Output = new("--output", "-o")
    {
        Description = "How to print results: a table for people, or JSON for programs; a stream is one object per line",
        HelpName = "table|json",
        Recursive = true,
        CustomParser = result =>
        {
            switch (result.Tokens[0].Value)
            {
                case "table":
                    return OutputFormat.Table;
                case "json":
                    return OutputFormat.Json;
                case var other:
                    result.AddError($"--output is table or json, not '{other}'.");
                    return default;
            }
        },
    };

    private static readonly Option<bool> NoColor = new("--no-color")
    {
        Description = "No colours, as with NO_COLOR set; there are none either where the output is no terminal",
        Recursive = true,
    };

    public static void AddTo(RootCommand root)
    {
        root.Options.Add(Socket);
        root.Options.Add(Output);
        root.Options.Add(NoColor);
    }

    public static string SocketOf(ParseResult parse) =>
        parse.GetValue(Socket)
        ?? (Environment.GetEnvironmentVariable("APPLIANCE_SOCKET") is { Length: > 0 } path ? path : DefaultSocket);

    public static OutputFormat OutputOf(ParseResult parse) => parse.GetValue(Output);

    /// <summary>Whether colours are wanted at all; a terminal is still needed (see https://no-color.org).</summary>
    public static bool ColorOf(ParseResult parse) =>
        !parse.GetValue(NoColor)
        && Environment.GetEnvironmentVariable("NO_COLOR") is null or ""
        && Environment.GetEnvironmentVariable("TERM") is not "dumb";
}
