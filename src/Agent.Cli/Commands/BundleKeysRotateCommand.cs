using System.CommandLine;
using Appliance.Bundles.Signing;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

/// <summary>Needs no agent: it runs where releases are made.</summary>
internal sealed class BundleKeysRotateCommand : RunnableCommand
{
    private readonly Argument<string> folder = new("DIR")
    {
        Description = "The signer's folder, which bundle keys init made",
    };

    private readonly RootKeysOptions rootKeys = new("So many new root keys take the place of all present ones");

    private readonly Option<bool> releaseKeys = new("--release-keys")
    {
        Description = "New keys for what is signed with each release; those before are good for nothing any more",
    };

    private readonly Passphrase passphrase = new();

    public BundleKeysRotateCommand()
        : base("rotate", "Makes the next root: with new keys, or with the present ones and a later expiry.")
    {
        Notes =
        [
            "Every bundle that is made from then on tells appliances of it. An appliance that has seen none yet takes",
            "what the keys before have signed: make a release at once when keys were stolen.",
        ];
        Examples =
        [
            new("bundle keys rotate signer", "the same keys; a root that is about to expire"),
            new("bundle keys rotate signer --release-keys", "a release key may have been stolen"),
            new("bundle keys rotate signer --root-keys 3 --root-threshold 2", "from now on, two of three"),
        ];
        Add(folder);
        rootKeys.AddTo(this);
        Validators.Add(result =>
        {
            if (result.GetResult("--root-threshold") is not null && result.GetResult("--root-keys") is null)
                result.AddError("--root-threshold needs --root-keys: it is the threshold of new keys.");
        });
        Add(releaseKeys);
        passphrase.AddTo(this);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var directory = parse.GetRequiredValue(folder);
        var repository = await SignerRepository.OpenAsync(directory, cancellationToken);
        var rotation = new RootRotation
        {
            NewRootKeys = rootKeys.CountOf(parse),
            RootThreshold = rootKeys.ThresholdOf(parse),
            NewReleaseKeys = parse.GetValue(releaseKeys),
        };
        var secret = await passphrase.ReadAsync(parse, session, cancellationToken);
        var now = session.Clock.GetUtcNow();
        var version = await repository.RotateRootAsync(rotation, secret, now, cancellationToken);
        SignerView.WriteRotated(session, directory, rotation, version);
        return ExitCode.Done;
    }
}
