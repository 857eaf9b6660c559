using System.CommandLine;

namespace Appliance.Cli;

/// <summary>A command with examples on its help page.</summary>
internal class CliCommand(string name, string description) : Command(name, description)
{
    /// <summary>What its own help page says after the description.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    public IReadOnlyList<Example> Examples { get; init; } = [];
}

/// <summary>A command line without the program's name, and what it is for.</summary>
internal sealed record Example(string Line, string Purpose);

/// <summary>A command that does something: parse, call, print.</summary>
internal abstract class RunnableCommand : CliCommand
{
    protected RunnableCommand(string name, string description)
        : base(name, description) =>
        SetAction(
            (parse, cancellationToken) => Guard.RunAsync(parse, session => RunAsync(parse, session, cancellationToken))
        );

    /// <exception cref="Exception">Any that <see cref="Failure"/> knows how to explain.</exception>
    protected abstract Task<ExitCode> RunAsync(ParseResult parse, Session session, CancellationToken cancellationToken);
}
