using System.CommandLine;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

internal sealed class OperationsCommand : CliCommand
{
    public OperationsCommand()
        : base("operations", "Work that takes its time, as an upgrade: list it, watch it, cancel it.")
    {
        Add(new OperationsListCommand());
        Add(new OperationsWatchCommand());
        Add(new OperationsCancelCommand());
    }
}

internal sealed class OperationsListCommand : RunnableCommand
{
    private readonly Option<bool> running = new("--running") { Description = "Only those that have not ended" };
    private readonly Option<int> limit = CommonOptions.Limit();

    public OperationsListCommand()
        : base("list", "Operations, newest first.")
    {
        Examples =
        [
            new("operations list --running", "is anything under way?"),
            new("operations list -o json | jq -r '.operations[0].state'", "how the newest stands, for a script"),
        ];
        Add(running);
        Add(limit);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Operations.ListOperationsAsync(
            new() { Running = parse.GetValue(running), Limit = parse.GetValue(limit) },
            session.Promptly(cancellationToken)
        );
        session.Print(answer, (screen, a) => OperationsView.WriteList(screen, a.Operations, session.Clock.GetUtcNow()));
        return ExitCode.Done;
    }
}

internal sealed class OperationsWatchCommand : RunnableCommand
{
    private readonly Argument<string> id = new("ID")
    {
        Description = "The operation; the one that runs, or the newest, when absent",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public OperationsWatchCommand()
        : base("watch", "The steps of an operation, past and to come, and what came of it.")
    {
        Notes =
        [
            "Exit codes: 0 done, 1 failed or cancelled, 5 refused, 6 rolled back. Ctrl-C ends the watching only (exit 0).",
        ];
        Examples =
        [
            new("operations watch", "what is it doing?"),
            new("operations watch op-12 2>/dev/null", "wait for its end, and print what came of it"),
        ];
        Add(id);
    }

    protected override Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    ) => new OperationFollower(session).FollowAsync(parse.GetValue(id) ?? "", cancellationToken);
}

internal sealed class OperationsCancelCommand : RunnableCommand
{
    private readonly Argument<string> id = new("ID") { Description = "The operation" };
    private readonly Option<bool> yes = Confirmation.Option();

    public OperationsCancelCommand()
        : base("cancel", "Takes back what an operation did. Refused (exit 5) once it can no longer be taken back.")
    {
        Examples = [new("operations cancel op-12 --yes", "without being asked")];
        Add(id);
        Add(yes);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var operation = parse.GetRequiredValue(id);
        var confirmation = new Confirmation(parse.GetValue(yes));
        if (!confirmation.Confirms(session, $"Cancel {Text.OneLine(operation)}, and take back what it did?"))
            return ExitCode.Failed;

        // No deadline: what was done may take its time to be taken back, here or later.
        var answer = await session.Agent.Operations.CancelOperationAsync(
            new() { Id = operation },
            cancellationToken: cancellationToken
        );
        session.Print(answer, (screen, o) => OperationView.WriteResult(screen, o, session.Clock.GetUtcNow()));
        if (!answer.HasEnded())
            session.Error.WriteLine(
                $"appliancectl: to watch it: appliancectl operations watch {Text.OneLine(answer.Id)}"
            );
        return ExitCode.Done;
    }
}
