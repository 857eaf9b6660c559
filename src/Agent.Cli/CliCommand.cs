using System.CommandLine;
using Appliance.Cli.Output;

namespace Appliance.Cli;

/// <summary>A command with examples on its help page.</summary>
internal class CliCommand(string name, string description) : Command(name, description)
{
    public IReadOnlyList<Example> Examples { get; init; } = [];
}

/// <summary>A command line without the program's name, and what it is for.</summary>
internal sealed record Example(string Line, string Purpose);

/// <summary>A command that does something: parse, call, print. What it throws becomes a message and an exit code.</summary>
internal abstract class RunnableCommand : CliCommand
{
    protected RunnableCommand(string name, string description)
        : base(name, description) => SetAction(RunGuardedAsync);

    /// <exception cref="Exception">Any that <see cref="Failure"/> knows how to explain.</exception>
    protected abstract Task<ExitCode> RunAsync(ParseResult parse, Session session, CancellationToken cancellationToken);

    private async Task<int> RunGuardedAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        using var session = new Session(parse);
        try
        {
            var exitCode = await RunAsync(parse, session, cancellationToken);
            session.Out.Flush();
            return (int)exitCode;
        }
        catch (ReaderGoneException)
        {
            return (int)ExitCode.Done;
        }
        catch (Exception e) when (Failure.Explain(e, session) is { } failure)
        {
            // What was printed before it went wrong comes first.
            session.Out.Flush();
            failure.PrintTo(session.Error);
            return (int)failure.ExitCode;
        }
    }
}
