using System.CommandLine;
using Appliance.Bundles.Releases;
using Appliance.Cli.Output;
using Appliance.V1;

namespace Appliance.Cli.Commands;

internal sealed class RollbackCommand : RunnableCommand
{
    private readonly Option<bool> plan = CommonOptions.Plan();
    private readonly Option<string> loseDataSince = new("--lose-data-since")
    {
        Description = "Agree to lose what was written since that time, which --plan shows",
        HelpName = "TIME",
    };

    private readonly Option<bool> yes = Confirmation.Option();

    public RollbackCommand()
        : base("rollback", "Goes back to the release before.")
    {
        Notes =
        [
            "Once it was started, Ctrl-C only ends the watching (exit 0), and the rollback goes on: see",
            "`appliancectl operations`.",
            "A release that changed data so that the one before cannot use it takes that data along: it comes back as it was",
            "before the upgrade. What was written since is lost, and that has to be agreed to by typing since when.",
        ];
        Examples =
        [
            new("rollback --plan", "what would change"),
            new("rollback", "look at the plan, say yes, watch"),
            new("rollback --yes -o json", "for a script; exit 0 when the release before runs"),
        ];
        Add(plan);
        Add(loseDataSince);
        Add(yes);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var planOnly = parse.GetValue(plan);
        var confirmation = planOnly ? null : new Confirmation(parse.GetValue(yes));

        var answer = await session.Agent.Updates.PlanRollbackAsync(new(), session.Promptly(cancellationToken));
        if (confirmation is null)
        {
            session.Print(answer, (screen, a) => PlanView.Write(screen, a, session.Clock.GetUtcNow()));
            return ExitCode.Done;
        }

        PlanView.Write(session.Error, answer, session.Clock.GetUtcNow());
        session.Error.WriteLine();
        if (PlanView.WhyRefused(answer) is { } refused)
            throw new RefusedException(refused);
        var lost = answer.LosesDataSince;
        var confirms =
            lost.Length > 0
                ? confirmation.ConfirmsLoss(session, lost, parse.GetValue(loseDataSince))
                : confirmation.Confirms(session, OperationWords.Question(answer));
        if (!confirms)
            return ExitCode.Failed;
        var request = new StartRollbackRequest { LoseDataSince = lost };
        return await new OperationFollower(session).StartAsync(
            options => session.Agent.Updates.StartRollbackAsync(request, options),
            cancellationToken
        );
    }
}
