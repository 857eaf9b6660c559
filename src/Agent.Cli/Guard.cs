using System.CommandLine;
using Appliance.Cli.Output;

namespace Appliance.Cli;

/// <summary>Around whatever prints: what it throws becomes a message and an exit code.</summary>
internal static class Guard
{
    /// <summary>Runs what may throw any exception that <see cref="Failure"/> knows how to explain.</summary>
    public static async Task<int> RunAsync(ParseResult parse, Func<Session, Task<ExitCode>> run)
    {
        using var session = new Session(parse);
        try
        {
            var exitCode = await run(session);
            session.Out.Flush();
            return (int)exitCode;
        }
        catch (ReaderGoneException)
        {
            return (int)ExitCode.Done;
        }
        catch (Exception e) when (Failure.Explain(e, session) is { } failure)
        {
            try
            {
                // What was printed before it went wrong comes first.
                session.Out.Flush();
                failure.PrintTo(session.Error);
            }
            catch (IOException)
            {
                // Nobody can be told; the exit code still says it.
            }
            return (int)failure.ExitCode;
        }
    }
}
