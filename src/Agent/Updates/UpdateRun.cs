using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Updates;

/// <summary>
/// One operation from where the journal says that it is, to its end. Each intention is in the journal before its
/// effect, and each effect may be repeated, so a start of the agent goes on with the same code that began it.
/// </summary>
internal sealed class UpdateRun(
    Course course,
    Preparation preparation,
    AgentTakeover takeover,
    Safekeeping safekeeping,
    Switching switching,
    WayBack back,
    Evidence evidence,
    UpdateJournal journal,
    ISupervisor supervisor,
    Gate gate,
    TrafficWatch traffic
)
{
    private readonly Operation operation = course.Operation;
    private readonly OpenedRelease to = course.To;

    /// <summary>Takes it to its end, but for the pruning.</summary>
    /// <param name="cancel">Fires when somebody wants it taken back.</param>
    /// <param name="ct">Fires when the agent ends; the next start goes on.</param>
    /// <returns>How it ends.</returns>
    public async Task<Conclusion> RunAsync(CancellationToken cancel, CancellationToken ct)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, ct);
        try
        {
            await traffic.BeginAsync(ct);
            if (operation.Phase < Phase.Snapshotting && await preparation.RunAsync(either.Token) is { } refusal)
                return refusal;
            if (operation.Phase < Phase.Snapshotting && await takeover.RunAsync(course, either.Token) is { } failure)
                return failure;
            if (operation.Phase is Phase.RollingBack)
                return await back.GoBackAsync(operation.Reason, operation.Evidence, ct);
            if (operation.Phase < Phase.Committed)
            {
                if (takeover.ProblemOf(course) is { } problem)
                    return await back.TurnBackAsync(new Unfit("", problem), ct);
                if (
                    await safekeeping.KeepAsync(() => switching.NoteAilingAsync(either.Token), either.Token) is
                    { } unkept
                )
                    return await back.TurnBackAsync(unkept, ct);
                var complaints = gate.NewComplaints(course.Renewed());
                if (await switching.RunAsync(complaints, either.Token) is { } unfit)
                    return await back.TurnBackAsync(unfit, ct);
                do
                {
                    if (await switching.ObserveAsync(complaints, either.Token) is { } fallen)
                        return await back.TurnBackAsync(fallen, ct);
                    // A resumed one may find everything well without ever having waited.
                    either.Token.ThrowIfCancellationRequested();
                    if (journal.Find(operation.Id)!.CancelledBy is not null)
                        return await back.CancelledAsync(ct);
                    // Somebody may cancel or hold it at the last moment.
                } while (!journal.Commit(operation, $"{course.Target} is the release to run"));
            }
            safekeeping.Settle();
            var said = await MigrationsAsync(ct);
            supervisor.Run(new RunningRelease(to.Release) { Before = course.From, IsCommitted = true });
            await gate.TidyAsync(ct);
            return new Conclusion(
                OperationState.Done,
                Phase.Pruned,
                await traffic.WithSummaryAsync(DoneSentence, ct),
                "",
                said
            );
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return await back.CancelledAsync(ct);
        }
    }

    /// <summary>What they said is kept, however they ended.</summary>
    private async Task<string> MigrationsAsync(CancellationToken ct)
    {
        var said = new List<string>();
        foreach (var service in to.Release.Model.Services.Values.Where(s => s.Migration is not null))
            said.Add(await evidence.OfAsync(service.Name, ct));
        return string.Concat(said);
    }

    private string DoneSentence =>
        operation.Kind switch
        {
            OperationKind.Install => $"{course.Target} is installed",
            OperationKind.Upgrade => $"{operation.Product} was upgraded from {course.Origin} to {operation.ToVersion}",
            _ when switching.Unwell.Count > 0 =>
                $"{operation.Product} was rolled back from {course.Origin} to {operation.ToVersion}, but not all of it is well: {string.Join("; ", switching.Unwell)}",
            _ => $"{operation.Product} was rolled back from {course.Origin} to {operation.ToVersion}",
        };
}

/// <summary>How an operation ends, before it is written down.</summary>
internal sealed record Conclusion(OperationState State, Phase Phase, string Sentence, string Reason, string Evidence);
