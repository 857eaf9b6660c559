using System.CommandLine;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Cli.Output;
using Appliance.Tuf;

namespace Appliance.Cli.Commands;

/// <summary>Needs no agent.</summary>
internal sealed class BundleInspectCommand : RunnableCommand
{
    private readonly Argument<string> file = new("FILE") { Description = "The bundle; - for standard input" };

    private readonly Option<string?> root = new("--root")
    {
        Description = "The root that is trusted; without it, the bundle is only held against what it says of itself",
        HelpName = "FILE",
    };

    public BundleInspectCommand()
        : base("inspect", "Shows what is in a bundle.")
    {
        Examples =
        [
            new("bundle inspect shop-2.0.0.bundle", "what it says of itself: anybody could have made it"),
            new("bundle inspect shop-2.0.0.bundle --root root.json", "verified too"),
            new("bundle inspect shop-2.0.0.bundle -o json | jq .images", "for a pipeline"),
        ];
        Add(file);
        Add(root);
    }

    protected override Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    ) =>
        Interrupt.RunAsync(
            token => InspectAsync(parse, session, token),
            () => session.Error.WriteLine("Interrupted: the bundle was not read to its end."),
            cancellationToken
        );

    private async Task<ExitCode> InspectAsync(ParseResult parse, Session session, CancellationToken cancellationToken)
    {
        var pinned = parse.GetValue(root) is { } path ? await BundleFile.PinAsync(path, cancellationToken) : null;
        using var files = new SmallBlobs();
        var (bundle, content) = await BundleFile.ReadAsync(
            session,
            parse.GetRequiredValue(file),
            // Its own first root shows whether it is whole. That says nothing of who made it.
            received => pinned ?? OfflineVerification.Pin(received.Metadata.Roots[0]),
            acceptExpired: true,
            files,
            cancellationToken
        );
        var compose = await ReadComposeAsync(files.Folder(content.Files), content.Document, cancellationToken);
        BundleView.WriteInspected(session, bundle, content, compose, isVerified: pinned is not null);
        return ExitCode.Done;
    }

    private static Task<ComposeResult> ReadComposeAsync(
        string folder,
        ReleaseDocument document,
        CancellationToken cancellationToken
    ) =>
        ComposeLoader.LoadAsync(
            Path.Combine(folder, "compose.yaml"),
            new ComposeOptions { Allowances = document.Allowances },
            cancellationToken
        );
}
