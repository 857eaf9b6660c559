using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Appliance.Cli.Output;

namespace Appliance.Cli;

/// <summary>The help page of a command, with its examples. The library's own took half of a start-up to lay out.</summary>
internal sealed class Help : AsynchronousCommandLineAction
{
    private const string Program = "appliancectl";

    public override bool ClearsParseErrors => true;

    public static void Replace(RootCommand root)
    {
        foreach (var option in root.Options)
        {
            if (option is HelpOption help)
                help.Action = new Help();
        }
    }

    /// <summary>The command as it is typed: <c>appliancectl services logs</c>.</summary>
    public static string PathOf(Command command) =>
        command is RootCommand ? Program
        : command.Parents.FirstOrDefault() is Command parent ? $"{PathOf(parent)} {command.Name}"
        : command.Name;

    public override Task<int> InvokeAsync(ParseResult parseResult, CancellationToken cancellationToken = default) =>
        Guard.RunAsync(
            parseResult,
            session =>
            {
                Write(session.Out, parseResult.CommandResult.Command);
                return Task.FromResult(ExitCode.Done);
            }
        );

    private static void Write(Screen page, Command command)
    {
        page.WriteLine(command.Description ?? "");
        foreach (var note in (command as CliCommand)?.Notes ?? [])
            page.WriteLine(note);
        Heading(page, "Usage");
        page.WriteLine($"  {UsageLine(command)}");

        Section(page, "Arguments", command.Arguments.Select(a => new Row(a.HelpName ?? a.Name, a.Description)));
        Section(page, "Commands", command.Subcommands.Select(c => new Row(c.Name, c.Description)));
        var own = command.Options.Where(o => !o.Recursive);
        Section(page, "Options", own.Select(o => new Row(Label(o), o.Description)));
        Section(page, "Options of every command", Inherited(command).Select(o => new Row(Label(o), o.Description)));

        if (command is CliCommand { Examples.Count: > 0 } withExamples)
        {
            Heading(page, "Examples");
            foreach (var example in withExamples.Examples)
            {
                page.WriteLine(page.Paint($"  # {example.Purpose}", Style.Dim));
                page.WriteLine($"  {Program} {example.Line}");
            }
        }
        if (command is RootCommand)
        {
            Heading(page, "Exit codes");
            page.WriteLine("  0 done, 1 failed, 2 wrong usage or a file with errors, 3 agent not reachable,");
            page.WriteLine("  4 not permitted, 5 refused, 6 rolled back");
        }
    }

    private static string UsageLine(Command command) =>
        string.Join(
            ' ',
            [
                PathOf(command),
                .. command.Arguments.Select(ArgumentLabel),
                .. command.Subcommands.Count > 0 ? (string[])["COMMAND"] : [],
                "[options]",
            ]
        );

    private static string ArgumentLabel(Argument argument)
    {
        var name = argument.HelpName ?? argument.Name;
        var repeated = argument.Arity.MaximumNumberOfValues > 1 ? $"{name}..." : name;
        return argument.Arity.MinimumNumberOfValues == 0 ? $"[{repeated}]" : repeated;
    }

    private static string Label(Option option)
    {
        // Short names first, as everywhere; names with a slash are for another system.
        var names = string.Join(", ", option.Aliases.Where(a => a[0] == '-').Append(option.Name));
        return option.HelpName is { } value ? $"{names} {value}" : names;
    }

    private static IEnumerable<Option> Inherited(Command command)
    {
        for (var at = command; at is not null; at = at.Parents.FirstOrDefault() as Command)
        {
            foreach (var option in at.Options.Where(o => o.Recursive))
                yield return option;
        }
    }

    private static void Section(Screen page, string title, IEnumerable<Row> rows)
    {
        var lines = rows.ToList();
        if (lines.Count == 0)
            return;
        Heading(page, title);
        var width = lines.Max(l => l.Label.Length);
        foreach (var (label, description) in lines)
            page.WriteLine($"  {label.PadRight(width)}   {description}".TrimEnd());
    }

    // A class: what is generic over a value type of the runtime's, as a tuple is, would be compiled while starting up.
    private sealed record Row(string Label, string? Description);

    private static void Heading(Screen page, string title)
    {
        page.WriteLine();
        page.WriteLine(page.Paint($"{title}:", Style.Bold));
    }
}
