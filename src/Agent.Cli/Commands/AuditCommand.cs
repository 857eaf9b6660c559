using System.CommandLine;
using Appliance.Cli.Output;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Cli.Commands;

internal sealed class AuditCommand : CliCommand
{
    public AuditCommand()
        : base("audit", "Who asked for which change, and what came of it.")
    {
        Add(new AuditListCommand());
        Add(new AuditVerifyCommand());
    }
}

internal sealed class AuditListCommand : RunnableCommand
{
    private readonly Option<int?> tail = CommonOptions.Tail("The last N records; all when absent");

    public AuditListCommand()
        : base("list", "The audit records, oldest first.")
    {
        Examples =
        [
            new("audit list -n 20", "the last changes"),
            new("audit list -o json > audit.jsonl", "all of it, to keep"),
        ];
        Add(tail);
    }

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var request = new ListAuditRequest();
        if (parse.GetValue(tail) is { } n)
            request.Tail = n;

        using var call = session.Agent.Audit.ListAudit(request, cancellationToken: cancellationToken);
        await foreach (var record in call.ResponseStream.ReadAllAsync(cancellationToken))
            session.PrintItem(record, AuditView.Write);
        return ExitCode.Done;
    }
}

internal sealed class AuditVerifyCommand : RunnableCommand
{
    public AuditVerifyCommand()
        : base("verify", "Recomputes the chain of hashes: whether any record was changed or taken out.") =>
        Examples = [new("audit verify", "exit 1 when the chain is broken")];

    protected override async Task<ExitCode> RunAsync(
        ParseResult parse,
        Session session,
        CancellationToken cancellationToken
    )
    {
        // No deadline: the chain is as long as the appliance is old.
        var answer = await session.Agent.Audit.VerifyAuditAsync(new(), cancellationToken: cancellationToken);
        session.Print(answer, AuditView.WriteVerdict);
        return answer.Intact ? ExitCode.Done : ExitCode.Failed;
    }
}
