using System.CommandLine;
using Appliance.Bundles.Releases;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

/// <summary>Needs no agent: it verifies as one would that has seen nothing but the root.</summary>
internal sealed class BundleVerifyCommand : RunnableCommand
{
    private readonly Argument<string> file = new("FILE") { Description = "The bundle; - for standard input" };

    private readonly Option<string> root = new("--root")
    {
        Description = "The root that is trusted, as bundle keys init made it",
        HelpName = "FILE",
        Required = true,
    };

    private readonly Option<bool> acceptExpired = new("--accept-expired")
    {
        Description = "Also a bundle whose signatures have expired",
    };

    public BundleVerifyCommand()
        : base("verify", "Verifies a bundle as an appliance does: signatures, and every byte of its content.")
    {
        Examples =
        [
            new("bundle verify shop-2.0.0.bundle --root root.json", "exit 5 and the reason when it is refused"),
            new("curl -s https://… | appliancectl bundle verify - --root root.json", "without storing it"),
        ];
        Add(file);
        Add(root);
        Add(acceptExpired);
    }

    protected override Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    ) =>
        Interrupt.RunAsync(
            token => VerifyAsync(parse, session, token),
            () => session.Error.WriteLine("Interrupted: the bundle was not read to its end."),
            cancellationToken
        );

    private async Task<ExitCode> VerifyAsync(ParseResult parse, Session session, CancellationToken cancellationToken)
    {
        var pinned = await BundleFile.PinAsync(parse.GetRequiredValue(root), cancellationToken);
        var (bundle, _) = await BundleFile.ReadAsync(
            session,
            parse.GetRequiredValue(file),
            _ => pinned,
            parse.GetValue(acceptExpired),
            new NoSink(),
            cancellationToken
        );
        BundleView.WriteVerified(session, bundle);
        return ExitCode.Done;
    }

    private sealed class NoSink : IBlobSink
    {
        public ValueTask<IBlobWriter?> OpenAsync(Blob blob, CancellationToken cancellationToken) =>
            new((IBlobWriter?)null);
    }
}
