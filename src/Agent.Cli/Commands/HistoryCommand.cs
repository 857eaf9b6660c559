using System.CommandLine;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

internal sealed class HistoryCommand : RunnableCommand
{
    private readonly Option<int> limit = CommonOptions.Limit();

    public HistoryCommand()
        : base("history", "Upgrades and rollbacks that have ended, newest first, and why those failed that did.")
    {
        Examples =
        [
            new("history", "the last twenty"),
            new("history --limit 0 -o json", "all that are kept, with all that is known"),
        ];
        Add(limit);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var answer = await session.Agent.Updates.ListHistoryAsync(
            new() { Limit = parse.GetValue(limit) },
            session.Promptly(cancellationToken)
        );
        session.Print(
            answer,
            (screen, a) => OperationsView.WriteHistory(screen, a.Operations, session.Clock.GetUtcNow())
        );
        return ExitCode.Done;
    }
}
