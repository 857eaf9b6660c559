using Appliance.Cli.Output;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Cli.Commands;

/// <summary>
/// Watches an operation to its end: its steps go to standard error, what came of it to standard output. Ctrl-C ends
/// the watching only; the operation is the agent's.
/// </summary>
internal sealed class OperationFollower(Session session)
{
    private readonly Progress progress = new(session.Error, session.Clock);
    private Operation? latest;

    /// <summary>Whether what came of it is printed; false where the caller has more to say of it.</summary>
    public bool PrintsResult { get; init; } = true;

    /// <summary>As last seen; null: it was not.</summary>
    public Operation? Latest => latest;

    /// <summary>Starts an operation and watches it.</summary>
    public async Task<ExitCode> StartAsync(
        Func<CallOptions, AsyncUnaryCall<Operation>> start,
        CancellationToken cancellationToken
    )
    {
        // From here on, so that who interrupts always learns what was started.
        using var interrupt = new Interrupt(catches: true, cancellationToken);
        try
        {
            latest = await start(session.Promptly(cancellationToken));
        }
        catch (RpcException e) when (Failure.Explain(e, session) is { ExitCode: ExitCode.NotReachable } failure)
        {
            failure.PrintTo(session.Error);
            session.Error.WriteLine("  It may have been started all the same. See: appliancectl operations list");
            return failure.ExitCode;
        }
        return await FollowAsync(latest.Id, interrupt.Token);
    }

    /// <summary>Watches an operation; the one that runs or the newest when <paramref name="id"/> is empty.</summary>
    public async Task<ExitCode> FollowAsync(string id, CancellationToken cancellationToken)
    {
        var request = new WatchOperationRequest { Id = id };
        await Streaming.RunAsync(
            session,
            follow: true,
            (agent, options) => agent.Operations.WatchOperation(request, options),
            update =>
            {
                Show(update);
                // Where to go on after a lost connection.
                request.Id = update.Operation.Id;
                if (update.Steps.Count > 0)
                    request.AfterStep = update.Steps[^1].Sequence;
            },
            isLast: update => update.Operation.HasEnded(),
            cancellationToken
        );
        session.Error.ErasePassing();
        return latest is null ? ExitCode.Done : Conclude(latest);
    }

    private void Show(OperationUpdate update)
    {
        foreach (var step in update.Steps)
            OperationView.WriteStep(session.Error, step);
        var wasWaiting = latest?.Waiting;
        var operation = latest = update.Operation;
        // Elsewhere than on a terminal the steps are enough, and why there are none. There, each has taken the progress' place.
        if (session.Error.Redraws)
            progress.Show(() => OperationView.Progress(operation), inAnyCase: update.Steps.Count > 0);
        else if (operation.Waiting.Length > 0 && operation.Waiting != wasWaiting)
            session.Error.WriteLine(Text.OneLine(OperationView.Progress(operation)));
    }

    private ExitCode Conclude(Operation operation)
    {
        if (!operation.HasEnded())
        {
            session.Error.WriteLine(
                $"appliancectl: {Text.OneLine(operation.Id)} goes on without being watched. "
                    + $"See: appliancectl operations watch {Text.OneLine(operation.Id)}"
            );
        }
        if (PrintsResult && (operation.HasEnded() || session.Format == OutputFormat.Json))
            session.Print(operation, (screen, o) => OperationView.WriteResult(screen, o, session.Clock.GetUtcNow()));
        session.Out.Flush();
        OperationView.WriteWhy(session.Error, operation);
        return ExitCodes.From(operation.State);
    }
}
