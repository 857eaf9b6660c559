using System.CommandLine;
using Appliance.Cli.Output;

namespace Appliance.Cli.Commands;

internal sealed class StatusCommand : RunnableCommand
{
    public StatusCommand()
        : base("status", "How the appliance is, and what keeps it from being well.") =>
        Examples = [new("status", "the whole picture"), new("status -o json | jq .problems", "for a script")];

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var status = await session.Agent.Status.GetStatusAsync(new(), session.Promptly(cancellationToken));
        session.Print(status, (screen, s) => StatusView.Write(screen, s, session.Clock.GetUtcNow()));
        return ExitCode.Done;
    }
}
