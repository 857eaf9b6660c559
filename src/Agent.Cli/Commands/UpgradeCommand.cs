using System.CommandLine;
using Appliance.Bundles.Releases;
using Appliance.Cli.Output;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Cli.Commands;

internal sealed class UpgradeCommand : RunnableCommand
{
    private readonly Option<string> bundle = new("--bundle")
    {
        Description = "The bundle with the release",
        HelpName = "FILE",
        Required = true,
    };

    private readonly Option<bool> plan = CommonOptions.Plan();
    private readonly Option<bool> check = new("--check")
    {
        Description = "Only print what speaks against it; exit 5 if it would be refused",
    };

    private readonly Option<bool> acceptExpired = new("--accept-expired")
    {
        Description = "Take a bundle whose signatures have expired; everything else is verified all the same",
    };

    private readonly Option<string> withoutSnapshot = new("--without-snapshot")
    {
        Description =
            "Keep no copy of data that the upgrade changes for good, in the words \"I accept that data may be lost\"",
        HelpName = "WORDS",
    };

    private readonly Option<bool> yes = Confirmation.Option();

    public UpgradeCommand()
        : base("upgrade", "Installs the release of a bundle, or upgrades to it.")
    {
        Notes =
        [
            "Ctrl-C while the bundle is sent changes nothing (exit 130). Once the upgrade was started, Ctrl-C only ends the",
            "watching (exit 0), and the upgrade goes on: see `appliancectl operations`.",
        ];
        Examples =
        [
            new("upgrade --bundle demo-2.0.0.bundle --plan", "what would change"),
            new("upgrade --bundle demo-2.0.0.bundle --check", "whether it could be done now; exit 5 if not"),
            new("upgrade --bundle demo-2.0.0.bundle", "look at the plan, say yes, watch"),
            new("upgrade --bundle demo-2.0.0.bundle --yes -o json", "for a script; exit 5 refused, 6 rolled back"),
        ];
        Add(bundle);
        Add(plan);
        Add(check);
        Add(acceptExpired);
        Add(withoutSnapshot);
        Add(yes);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var (planOnly, checkOnly) = (parse.GetValue(plan), parse.GetValue(check));
        // Before anything is sent: a script should not learn it after an hour.
        var confirmation = planOnly || checkOnly ? null : new Confirmation(parse.GetValue(yes));

        var release = await StageAsync(parse, session, cancellationToken);
        if (release is null)
            return ExitCode.Interrupted;
        if (!string.IsNullOrEmpty(parse.GetValue(withoutSnapshot)) && release.Plan is { } planned)
            PlanView.GoWithoutSnapshot(planned);
        var refused = PlanView.WhyRefused(release.Plan ?? new());
        if (planOnly)
            session.Print(release, (screen, r) => PlanView.Write(screen, r, session.Clock.GetUtcNow()));
        else if (checkOnly)
            session.Print(release, (screen, r) => PlanView.WriteCheck(screen, r.Plan ?? new()));
        if (confirmation is null)
            return checkOnly && refused is not null ? ExitCode.Refused : ExitCode.Done;

        // Not a result yet: that is what comes of it.
        PlanView.Write(session.Error, release, session.Clock.GetUtcNow());
        session.Error.WriteLine();
        if (refused is not null)
            throw new RefusedException(refused);
        if (!confirmation.Confirms(session, OperationWords.Question(release.Plan ?? new())))
            return ExitCode.Failed;
        var request = new StartUpgradeRequest
        {
            Digest = release.Digest,
            WithoutSnapshot = parse.GetValue(withoutSnapshot) ?? "",
        };
        return await new OperationFollower(session).StartAsync(
            options => session.Agent.Updates.StartUpgradeAsync(request, options),
            cancellationToken
        );
    }

    /// <summary>Null when Ctrl-C came first.</summary>
    private async Task<StagedRelease?> StageAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        using var upload = new BundleUpload(session, parse.GetRequiredValue(bundle));
        using var interrupt = new Interrupt(catches: true, cancellationToken);
        try
        {
            return await upload.SendAsync(parse.GetValue(acceptExpired), interrupt.Token);
        }
        catch (Exception e) when (interrupt.Came && e is RpcException or OperationCanceledException)
        {
            session.Error.WriteLine("appliancectl: interrupted while the bundle was sent; nothing was changed");
            return null;
        }
    }
}
