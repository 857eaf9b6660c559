using System.CommandLine;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Deltas;
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

    private readonly AgentOptions agent = new();
    private readonly DeltaOptions deltas = new();
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
            new("bundle create --repository signer --delta-from 1.3.0", "and a small one for appliances with 1.3.0"),
            new(
                "bundle create --repository signer --agent appliance-agent",
                "and with the agent that it is to run under"
            ),
        ];
        Add(repository);
        Add(compose);
        Add(images);
        variables.AddTo(this);
        allowances.AddTo(this);
        Add(platform);
        Add(to);
        agent.AddTo(this);
        deltas.AddTo(this);
        passphrase.AddTo(this);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        if (await ReadSourceAsync(parse, session, cancellationToken) is not { } source)
            return ExitCode.Usage;

        var path = parse.GetRequiredValue(repository);
        var signer = await SignerRepository.OpenAsync(path, cancellationToken);
        if (signer.Product != source.Model.Name)
            throw new RefusedException(
                $"{path} signs releases of '{signer.Product}', and this is one of '{source.Model.Name}'"
            );
        var work = new Work(parse, session, source, DocumentOf(source.Model, parse), signer)
        {
            SignedAt = SourceDate.Or(session.Clock.GetUtcNow()),
            // Asked for before the long part, so that nobody has to wait for the question.
            Passphrase = await passphrase.ReadAsync(parse, session, cancellationToken),
        };
        // Only now: at the question, a signal ends the process as it always does.
        return await Interrupt.RunAsync(
            token => CreateAsync(work, token),
            () => session.Error.WriteLine(work.WhenInterrupted),
            cancellationToken
        );
    }

    private async Task<ExitCode> CreateAsync(Work work, CancellationToken cancellationToken)
    {
        var (session, document) = (work.Session, work.Document);
        var path = work.Parse.GetValue(to) ?? NewBundle.NameOf(document.Product, document.Version);
        using var output = new NewBundle(path);
        using var small = new NewBundle(NewBundle.BesideForDeltas(path));
        using var earlier = new EarlierBundles(session, output.Folder);
        await ReadEarlierAsync(work, earlier, output.Folder, cancellationToken);
        using var spool = new BlobSpool(output.Folder);
        var index = await BuildAsync(work, spool, cancellationToken);

        var descriptor = new ReleaseDescriptor(document.Product, document.Version, index, work.SignedAt);
        // As an appliance will: what it would refuse is never signed for.
        var content = await ReleaseContentReader.ReadAsync(descriptor, spool.OpenAsync, cancellationToken);
        var made = await earlier.MakeAsync(content, spool, cancellationToken);
        var now = session.Clock.GetUtcNow();
        var signed = await work.Signer.AddReleaseAsync(
            descriptor,
            made.Deltas,
            work.Passphrase,
            now,
            cancellationToken
        );
        work.IsSigned = true;
        var whole = await output.WriteAsync(signed, deltas: null, content, spool, session, cancellationToken);
        var less = made.Deltas is null
            ? null
            : await small.WriteAsync(signed, made.Deltas, content, spool, session, cancellationToken);
        session.Error.ErasePassing();
        BundleView.WriteCreated(session, whole, less, content, made);
        return ExitCode.Done;
    }

    /// <summary>Before the long part: what is missing for deltas is said at once.</summary>
    private async Task ReadEarlierAsync(
        Work work,
        EarlierBundles earlier,
        string output,
        CancellationToken cancellationToken
    )
    {
        var versions = deltas.VersionsOf(work.Parse);
        if (versions.Count == 0)
            return;
        new Xdelta(work.Session.Clock).Demand();
        if (versions.FirstOrDefault(v => v >= work.Document.Version) is { } later)
            throw new RefusedException($"--delta-from {later}: {work.Document.Version} is no later version");
        var folder = deltas.FolderOf(work.Parse, output);
        var trusted = await BundleFile.PinAsync(work.Signer.PinnedRootFile, cancellationToken);
        foreach (var version in versions)
        {
            var signed = await work.Signer.ReadReleaseAsync(version, work.Passphrase, cancellationToken);
            var path = Path.Combine(folder, NewBundle.NameOf(signed.Product, version));
            await earlier.AddAsync(path, signed, trusted, cancellationToken);
        }
    }

    /// <summary>What one run of the command has to do, and how far it came.</summary>
    private sealed record Work(
        ParseResult Parse,
        Session Session,
        ReleaseSource Source,
        ReleaseDocument Document,
        SignerRepository Signer
    )
    {
        public required DateTimeOffset SignedAt { get; init; }

        public required string Passphrase { get; init; }

        public bool IsSigned { get; set; }

        public string WhenInterrupted =>
            IsSigned
                ? $"Interrupted: no bundle was made, but {Document.Product} {Document.Version} is signed. The same command writes it."
                : "Interrupted: no bundle was made.";
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

    private async Task<Blob> BuildAsync(Work work, BlobSpool spool, CancellationToken cancellationToken)
    {
        var (parse, session, source) = (work.Parse, work.Session, work.Source);
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

        var own = await agent.AddAsync(parse, parse.GetRequiredValue(platform), spool, session, cancellationToken);

        progress.Show(() => "Checking layers", inAnyCase: session.Error.Redraws);
        return await ReleaseBuilder.BuildAsync(
            work.Document,
            source.Files,
            references,
            library,
            spool,
            cancellationToken,
            own
        );
    }

    private ReleaseDocument DocumentOf(ComposeModel model, ParseResult parse) =>
        new(model.Name, VersionOf(model), model.UpgradeFrom, allowances.Of(parse));

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
