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
        Add(new BundleCreateCommand());
        Add(new BundleInspectCommand());
        Add(new BundleVerifyCommand());
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

    private readonly ComposeVariables variables = new();

    public BundleLintCommand()
        : base("lint", "Checks a Compose file: prints every error with its place, or the file as it is understood.")
    {
        Examples =
        [
            new("bundle lint", "the compose.yaml here"),
            new("bundle lint shop/compose.yaml --env TAG=1.2", "with a variable set"),
            new("bundle lint -o json | jq .errors", "for a pipeline; exit 2 means errors"),
        ];
        Add(file);
        variables.AddTo(this);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var (given, faults) = await variables.ReadAsync(parse, cancellationToken);
        var compose = parse.GetRequiredValue(file);
        var result = ComposeLoader.Parse(
            await InputFile.ReadAsync(compose, ComposeLoader.MaxBytes, cancellationToken),
            compose,
            Path.GetDirectoryName(Path.GetFullPath(compose)) ?? "/",
            new ComposeOptions { Variables = given }
        );
        if (faults.Count > 0)
            result = new(Model: null, [.. faults, .. result.Diagnostics]);

        LintView.Write(session, result);
        return result.Model is null ? ExitCode.Usage : ExitCode.Done;
    }
}
