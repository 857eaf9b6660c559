using System.CommandLine;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

internal sealed class RolloutCommand : CliCommand
{
    public RolloutCommand()
        : base("rollout", "An update on its way: see how the new version fares, hold it, go on with it, break it off.")
    {
        Add(new RolloutStatusCommand());
        Add(new RolloutPauseCommand());
        Add(new RolloutPromoteCommand());
        Add(new RolloutAbortCommand());
    }
}

internal sealed class RolloutStatusCommand : RunnableCommand
{
    public RolloutStatusCommand()
        : base("status", "How far the update is, and how the requests to what it tries go.")
    {
        Examples =
        [
            new("rollout status", "is the new version as good as the old one?"),
            new("rollout status -o json | jq .trial.tried", "what failed of its requests, for a script"),
        ];
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Updates.GetRolloutAsync(new(), session.Promptly(cancellationToken));
        session.Print(answer, RolloutView.Write);
        return ExitCode.Done;
    }
}

internal sealed class RolloutPauseCommand : RunnableCommand
{
    public RolloutPauseCommand()
        : base("pause", "Holds the update: nothing more is taken on, and a trial does not come to its end.")
    {
        Notes = ["What was taken on is finished, and watched as before: it may still be taken back."];
        Examples = [new("rollout pause", "until `rollout promote` or `rollout abort`")];
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Updates.PauseRolloutAsync(new(), session.Promptly(cancellationToken));
        session.Print(answer, RolloutView.Write);
        return ExitCode.Done;
    }
}

internal sealed class RolloutPromoteCommand : RunnableCommand
{
    public RolloutPromoteCommand()
        : base("promote", "Goes on with an update that is held, and with what it tries as if it were proven.")
    {
        Examples = [new("rollout promote", "the whole service is exchanged now")];
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Updates.PromoteRolloutAsync(new(), session.Promptly(cancellationToken));
        session.Print(answer, RolloutView.Write);
        return ExitCode.Done;
    }
}

internal sealed class RolloutAbortCommand : RunnableCommand
{
    private readonly Option<bool> yes = Confirmation.Option();

    public RolloutAbortCommand()
        : base("abort", "Breaks the update off: what it changed is taken back.")
    {
        Examples = [new("rollout abort --yes", "without being asked")];
        Add(yes);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var confirmation = new Confirmation(parse.GetValue(yes));
        var rollout = await session.Agent.Updates.GetRolloutAsync(new(), session.Promptly(cancellationToken));
        var question = $"Break {Text.OneLine(rollout.Operation.Id)} off, and take back what it did?";
        if (!confirmation.Confirms(session, question))
            return ExitCode.Failed;
        // No deadline: what was done may take its time to be taken back, here or later.
        var answer = await session.Agent.Operations.CancelOperationAsync(
            new() { Id = rollout.Operation.Id },
            cancellationToken: cancellationToken
        );
        session.Print(answer, (screen, o) => OperationView.WriteResult(screen, o, session.Clock.GetUtcNow()));
        return ExitCode.Done;
    }
}
