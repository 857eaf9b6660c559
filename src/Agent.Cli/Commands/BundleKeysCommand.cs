using System.CommandLine;
using Appliance.Bundles.Releases;
using Appliance.Bundles.Signing;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

internal sealed class BundleKeysCommand : CliCommand
{
    public BundleKeysCommand()
        : base("keys", "The keys that sign releases.")
    {
        Add(new BundleKeysInitCommand());
        Add(new BundleKeysRotateCommand());
    }
}

/// <summary>Needs no agent: it runs where releases are made.</summary>
internal sealed class BundleKeysInitCommand : RunnableCommand
{
    private readonly Argument<string> folder = new("DIR") { Description = "A new folder for keys and signed metadata" };

    private readonly Option<string> product = new("--product")
    {
        Description = "The product whose releases it signs: the name in the Compose file",
        HelpName = "NAME",
        Required = true,
    };

    private readonly RootKeysOptions rootKeys = new("How many root keys there are (default: 1)");
    private readonly Passphrase passphrase = new();

    public BundleKeysInitCommand()
        : base("init", "Makes the keys that sign a product's releases, and the root that appliances trust.")
    {
        Examples =
        [
            new("bundle keys init signer --product shop", "asks for a passphrase, twice"),
            new("bundle keys init signer --product shop --passphrase-file secret", "in a script"),
            new(
                "bundle keys init signer --product shop --root-keys 3 --root-threshold 2",
                "two of three can replace keys"
            ),
        ];
        product.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !ReleaseDescriptor.IsProduct(result.Tokens[0].Value))
                result.AddError(
                    $"--product is lower-case letters, digits, '-' and '_', at most 63, not '{result.Tokens[0].Value}'."
                );
        });
        Add(folder);
        Add(product);
        rootKeys.AddTo(this);
        passphrase.AddTo(this);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var settings = new SignerSettings(parse.GetRequiredValue(product))
        {
            RootKeys = rootKeys.CountOf(parse) ?? 1,
            RootThreshold = rootKeys.ThresholdOf(parse),
        };
        var directory = parse.GetRequiredValue(folder);
        var secret = await passphrase.ChooseAsync(parse, session, cancellationToken);
        var now = session.Clock.GetUtcNow();
        var repository = await CreateAsync(directory, settings, secret, now, cancellationToken);
        SignerView.WriteCreated(session, directory, settings, repository.PinnedRootFile);
        return ExitCode.Done;
    }

    private static async Task<SignerRepository> CreateAsync(
        string directory,
        SignerSettings settings,
        string passphrase,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await SignerRepository.CreateAsync(directory, settings, passphrase, now, cancellationToken);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FileException($"{directory} cannot be written: {e.Message}", e);
        }
    }
}
