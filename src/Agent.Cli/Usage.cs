using System.CommandLine;

namespace Appliance.Cli;

/// <summary>Answers to a command line that makes no sense.</summary>
internal static class Usage
{
    public static ExitCode Report(ParseResult parse, TextWriter error)
    {
        foreach (var problem in parse.Errors)
            error.WriteLine($"appliancectl: {problem.Message}");
        error.WriteLine($"  See: {Help.PathOf(parse.CommandResult.Command)} --help");
        return ExitCode.Usage;
    }
}
