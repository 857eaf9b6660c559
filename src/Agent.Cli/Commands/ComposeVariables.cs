using System.CommandLine;
using Appliance.Bundles.Compose;

namespace Appliance.Cli.Commands;

/// <summary>The options that give a Compose file its variables.</summary>
internal sealed class ComposeVariables
{
    private readonly Option<string[]> files = new("--env-file")
    {
        Description = "A file of variables, as the .env beside the Compose file, which it wins over; repeatable",
        HelpName = "FILE",
    };

    private readonly Option<string[]> pairs = new("--env")
    {
        Description = "A variable, which wins over those of files; repeatable",
        HelpName = "K=V",
    };

    public void AddTo(Command command)
    {
        pairs.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(t => t.Value.IndexOf('=', StringComparison.Ordinal) < 1))
                result.AddError($"--env is a name, = and a value, not '{token.Value}'.");
        });
        command.Options.Add(files);
        command.Options.Add(pairs);
    }

    /// <summary>The variables, and what is wrong with the files of them.</summary>
    public async Task<(
        IReadOnlyDictionary<string, string> Variables,
        IReadOnlyList<ComposeDiagnostic> Faults
    )> ReadAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var variables = new Dictionary<string, string>();
        var faults = new List<ComposeDiagnostic>();
        foreach (var path in parse.GetValue(files) ?? [])
        {
            var bytes = await InputFile.ReadAsync(path, ComposeLoader.MaxBytes, cancellationToken);
            faults.AddRange(VariableFile.Read(bytes, path, variables));
        }
        foreach (var pair in parse.GetValue(pairs) ?? [])
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            variables[pair[..equals]] = pair[(equals + 1)..];
        }
        return (variables, faults);
    }
}
