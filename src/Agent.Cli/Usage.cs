using System.CommandLine;
using Appliance.Cli.Output;

namespace Appliance.Cli;

/// <summary>Answers to a command line that makes no sense.</summary>
internal static class Usage
{
    public static ExitCode Report(ParseResult parse, Screen error)
    {
        foreach (var problem in parse.Errors)
            error.WriteLine($"appliancectl: {Text.OneLine(problem.Message)}");
        error.WriteLine($"  See: {Help.PathOf(parse.CommandResult.Command)} --help");
        return ExitCode.Usage;
    }
}
