using System.CommandLine;
using Appliance.Bundles.Releases;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

internal sealed class RollbackCommand : RunnableCommand
{
    private readonly Option<bool> plan = CommonOptions.Plan();
    private readonly Option<bool> yes = Confirmation.Option();

    public RollbackCommand()
        : base("rollback", "Goes back to the release before.")
    {
        Notes =
        [
            "Once it was started, Ctrl-C only ends the watching (exit 0), and the rollback goes on: see",
            "`appliancectl operations`.",
        ];
        Examples =
        [
            new("rollback --plan", "what would change"),
            new("rollback", "look at the plan, say yes, watch"),
            new("rollback --yes -o json", "for a script; exit 0 when the release before runs"),
        ];
        Add(plan);
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
            session.Print(answer, PlanView.Write);
            return ExitCode.Done;
        }

        PlanView.Write(session.Error, answer);
        session.Error.WriteLine();
        if (PlanView.WhyRefused(answer) is { } refused)
            throw new RefusedException(refused);
        if (!confirmation.Confirms(session, OperationWords.Question(answer)))
            return ExitCode.Failed;
        return await new OperationFollower(session).StartAsync(
            options => session.Agent.Updates.StartRollbackAsync(new(), options),
            cancellationToken
        );
    }
}
