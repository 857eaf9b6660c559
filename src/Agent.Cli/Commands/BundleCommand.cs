using System.CommandLine;
using Appliance.Bundles.Compose;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

internal sealed class BundleCommand : CliCommand
{
    public BundleCommand()
        : base("bundle", "Releases, for those who make them.")
    {
        Add(new BundleKeysCommand());
        Add(new BundleLintCommand());
    }
}

/// <summary>Needs no agent: it runs where releases are made.</summary>
internal sealed class BundleLintCommand : RunnableCommand
{
    private readonly Argument<string> file = new("FILE")
    {
        Description = "The Compose file (default: compose.yaml)",
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => "compose.yaml",
    };

    private readonly Option<string[]> environmentFiles = new("--env-file")
    {
        Description = "A file of variables, as the .env beside the Compose file, which it wins over; repeatable",
        HelpName = "FILE",
    };

    private readonly Option<string[]> environment = new("--env")
    {
        Description = "A variable, which wins over those of files; repeatable",
        HelpName = "K=V",
    };

    public BundleLintCommand()
        : base("lint", "Checks a Compose file: prints every error with its place, or the file as it is understood.")
    {
        Examples =
        [
            new("bundle lint", "the compose.yaml here"),
            new("bundle lint shop/compose.yaml --env TAG=1.2", "with a variable set"),
            new("bundle lint -o json | jq .errors", "for a pipeline; exit 2 means errors"),
        ];
        environment.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(t => t.Value.IndexOf('=', StringComparison.Ordinal) < 1))
                result.AddError($"--env is a name, = and a value, not '{token.Value}'.");
        });
        Add(file);
        Add(environmentFiles);
        Add(environment);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var variables = new Dictionary<string, string>();
        var faults = new List<ComposeDiagnostic>();
        foreach (var path in parse.GetValue(environmentFiles) ?? [])
        {
            var bytes = await ReadAsync(path, cancellationToken);
            faults.AddRange(VariableFile.Read(bytes, path, variables));
        }
        foreach (var pair in parse.GetValue(environment) ?? [])
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            variables[pair[..equals]] = pair[(equals + 1)..];
        }

        var compose = parse.GetRequiredValue(file);
        var result = ComposeLoader.Parse(
            await ReadAsync(compose, cancellationToken),
            compose,
            Path.GetDirectoryName(Path.GetFullPath(compose)) ?? "/",
            new ComposeOptions { Variables = variables }
        );
        if (faults.Count > 0)
            result = new(Model: null, [.. faults, .. result.Diagnostics]);

        LintView.Write(session, result);
        return result.Model is null ? ExitCode.Usage : ExitCode.Done;
    }

    private static async Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await RegularFile.ReadAsync(path, ComposeLoader.MaxBytes, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FileException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
