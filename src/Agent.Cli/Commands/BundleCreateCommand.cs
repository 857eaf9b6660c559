using System.CommandLine;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;
using Appliance.Bundles.Signing;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

/// <summary>Needs no agent: it runs where releases are made.</summary>
internal sealed class BundleCreateCommand : RunnableCommand
{
    private readonly Option<string> repository = new("--repository")
    {
        Description = "The signer's folder, which bundle keys init made",
        HelpName = "DIR",
        Required = true,
    };

    private readonly Option<string> compose = new("--compose")
    {
        Description = "The Compose file (default: compose.yaml)",
        HelpName = "FILE",
        DefaultValueFactory = _ => "compose.yaml",
    };

    private readonly Option<string[]> images = new("--images")
    {
        Description =
            "A docker-archive, an OCI layout, or a folder of these; repeatable. What they lack comes from the Docker Engine",
        HelpName = "PATH",
    };

    private readonly Option<Platform> platform = new("--platform")
    {
        Description = "Which image is meant where there are several of one name (default: that of this machine)",
        HelpName = "linux/ARCH",
        CustomParser = result =>
        {
            if (Platform.TryParse(result.Tokens[0].Value) is { } parsed)
                return parsed;
            result.AddError($"--platform is as linux/amd64, not '{result.Tokens[0].Value}'.");
            return Platform.Host;
        },
        DefaultValueFactory = _ => Platform.Host,
    };

    private readonly Option<string?> to = new("--to")
    {
        Description = "The bundle (default: PRODUCT-VERSION.bundle)",
        HelpName = "FILE",
    };

    private readonly ComposeVariables variables = new();
    private readonly AllowanceOption allowances = new();
    private readonly Passphrase passphrase = new();

    public BundleCreateCommand()
        : base("create", "Makes a signed bundle of a Compose file and its images.")
    {
        Examples =
        [
            new("bundle create --repository signer", "of the compose.yaml here, with images of the Docker Engine"),
            new("bundle create --repository signer --images images/", "with saved images"),
            new("bundle create --repository signer --to /media/stick/shop.bundle", "to another place"),
        ];
        Add(repository);
        Add(compose);
        Add(images);
        variables.AddTo(this);
        allowances.AddTo(this);
        Add(platform);
        Add(to);
        passphrase.AddTo(this);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        using var interrupt = new Interrupt(catches: true, cancellationToken);
        try
        {
            return await CreateAsync(parse, session, interrupt.Token);
        }
        catch (OperationCanceledException) when (interrupt.Came)
        {
            session.Error.WriteLine("Interrupted: no bundle was made.");
            return ExitCode.Interrupted;
        }
    }

    private async Task<ExitCode> CreateAsync(ParseResult parse, Session session, CancellationToken cancellationToken)
    {
        if (await ReadSourceAsync(parse, session, cancellationToken) is not { } source)
            return ExitCode.Usage;

        var signer = await SignerRepository.OpenAsync(parse.GetRequiredValue(repository), cancellationToken);
        if (signer.Product != source.Model.Name)
            throw new RefusedException(
                $"{parse.GetRequiredValue(repository)} signs releases of '{signer.Product}', and this is one of '{source.Model.Name}'"
            );
        var document = new ReleaseDocument(
            source.Model.Name,
            VersionOf(source.Model),
            source.Model.UpgradeFrom,
            allowances.Of(parse)
        );
        var signedAt = SourceDate.Or(session.Clock.GetUtcNow());
        // Asked for before the long part, so that nobody has to wait for the question.
        var secret = await passphrase.ReadAsync(parse, session, cancellationToken);

        var path = parse.GetValue(to) ?? $"{document.Product}-{document.Version}.bundle";
        using var output = new NewBundle(path);
        using var spool = new BlobSpool(output.Folder);
        var index = await BuildAsync(parse, session, source, document, spool, cancellationToken);

        var descriptor = new ReleaseDescriptor(document.Product, document.Version, index, signedAt);
        // As an appliance will: what it would refuse is never signed for.
        var content = await ReleaseContentReader.ReadAsync(descriptor, spool.OpenAsync, cancellationToken);
        var signed = await signer.AddReleaseAsync(descriptor, secret, session.Clock.GetUtcNow(), cancellationToken);
        await output.WriteAsync(signed, spool, content.Blobs.Sum(b => b.Size), session, cancellationToken);
        session.Error.ErasePassing();
        BundleView.WriteCreated(session, path, output.Length, content);
        return ExitCode.Done;
    }

    private async Task<ReleaseSource?> ReadSourceAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var (given, faults) = await variables.ReadAsync(parse, cancellationToken);
        var options = new ComposeOptions { Variables = given, Allowances = allowances.Of(parse) };
        var path = parse.GetRequiredValue(compose);
        var (source, result) = await InputFile.Explained(
            path,
            () => ReleaseSource.ReadAsync(path, options, cancellationToken)
        );
        result = result with { Diagnostics = [.. faults, .. result.Diagnostics] };
        if (source is not null && !result.Errors.Any())
        {
            LintView.WriteDiagnostics(session, result);
            return source;
        }
        LintView.Write(session, result with { Model = null });
        return null;
    }

    private async Task<Blob> BuildAsync(
        ParseResult parse,
        Session session,
        ReleaseSource source,
        ReleaseDocument document,
        BlobSpool spool,
        CancellationToken cancellationToken
    )
    {
        var library = new ImageLibrary(spool, parse.GetRequiredValue(platform));
        var progress = new Progress(session.Error, session.Clock);
        foreach (var place in parse.GetValue(images) ?? [])
        {
            progress.Show(() => $"Reading images of {place}", inAnyCase: session.Error.Redraws);
            await InputFile.Explained(
                place,
                async () =>
                {
                    await library.AddAsync(place, cancellationToken);
                    return place;
                }
            );
        }

        var references = source.Model.Services.Values.Select(s => s.Image).DistinctBy(i => $"{i}").ToList();
        var missing = new List<ImageReference>();
        foreach (var reference in references)
        {
            if (!await library.HasAsync(reference, cancellationToken))
                missing.Add(reference);
        }
        if (missing.Count > 0)
        {
            progress.Show(() => "Taking images from the Docker Engine", inAnyCase: session.Error.Redraws);
            await EngineImages.AddAsync(missing, library, session, cancellationToken);
        }

        progress.Show(() => "Checking layers", inAnyCase: session.Error.Redraws);
        return await ReleaseBuilder.BuildAsync(document, source.Files, references, library, spool, cancellationToken);
    }

    private static SemanticVersion VersionOf(ComposeModel model)
    {
        if (model.Version is not { } version)
            throw new RefusedException(
                "the Compose file does not say its version: add x-appliance: {version: \"1.0.0\"}"
            );
        return ReleaseDescriptor.IsVersion(version.Text)
            ? version
            : throw new RefusedException(
                $"x-appliance.version: {version} cannot be the version of a release: at most 64 characters, and no build (+…)"
            );
    }
}
