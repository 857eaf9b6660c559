using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Updates;

/// <summary>
/// One operation from where the journal says that it is, to its end: does what <see cref="NextStep"/> says, until nothing is
/// left. Each intention is in the journal before its effect, and each effect may be repeated, so a start of the agent goes
/// on with the same code that began it.
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

    private Seen seen;

    // About what was switched; from the first switch on.
    private Complaints? complaints;

    private Operation Now => journal.Find(operation.Id)!;

    /// <summary>Takes it to its end, but for the pruning.</summary>
    /// <param name="cancel">Fires when somebody wants it taken back.</param>
    /// <param name="ct">Fires when the agent ends; the next start goes on.</param>
    /// <returns>How it ends.</returns>
    public async Task<Conclusion> RunAsync(CancellationToken cancel, CancellationToken ct)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel, ct);
        await traffic.BeginAsync(ct);
        // Without one before, what runs is left alone until there is something to put in its place.
        if (operation.Phase < Phase.Snapshotting && course.HasOrigin)
            supervisor.Run(new RunningRelease(course.From));
        if (operation.Phase is >= Phase.Snapshotting and < Phase.Committed && takeover.ProblemOf(course) is { } problem)
            seen = seen with { Unfit = new Unfit("", problem) };
        while (true)
        {
            try
            {
                if (await TakeAsync(NextStep.Of(Now, seen), either.Token, ct) is { } end)
                    return end;
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested && !ct.IsCancellationRequested)
            {
                seen = seen with { IsCancelled = true };
            }
        }
    }

    /// <param name="step">The next one.</param>
    /// <param name="either">For what can be broken off.</param>
    /// <param name="ct">For what cannot, but by the agent's end.</param>
    /// <returns>Null: there is another one after it. Otherwise how it ends.</returns>
    private async Task<Conclusion?> TakeAsync(UpdateStep step, CancellationToken either, CancellationToken ct)
    {
        switch (step)
        {
            case UpdateStep.CallOff:
                return new Conclusion(
                    OperationState.Cancelled,
                    Phase.Loading,
                    "cancelled; nothing was changed",
                    NextStep.Why(Now, seen)!.Reason,
                    ""
                );
            case UpdateStep.Prepare:
                return await preparation.RunAsync(either);
            case UpdateStep.TakeOver:
                if (await takeover.RunAsync(course, either) is { } failure)
                    return failure;
                seen = seen with { HasAgent = true };
                return null;
            case UpdateStep.KeepData:
                var unkept = await safekeeping.KeepAsync(() => switching.NoteAilingAsync(either), either);
                seen = seen with { HasData = unkept is null, Unfit = unkept };
                return null;
            case UpdateStep.Switch:
                complaints ??= gate.NewComplaints(course.Renewed());
                var unfit = await switching.RunAsync(complaints, either);
                seen = seen with { IsSwitched = unfit is null, Unfit = unfit };
                return null;
            case UpdateStep.Observe:
                var fallen = await switching.ObserveAsync(complaints!, either);
                seen = seen with { IsProven = fallen is null, Unfit = fallen };
                return null;
            case UpdateStep.Commit:
                // A start of the agent may have found everything well without ever having waited.
                either.ThrowIfCancellationRequested();
                // Somebody may cancel or hold it at the last moment: then it is watched on.
                seen = seen with
                {
                    IsProven = journal.Commit(operation, $"{course.Target} is the release to run"),
                };
                return null;
            case UpdateStep.Finish:
                return await FinishAsync(ct);
            case UpdateStep.TurnBack:
                await back.TurnBackAsync(() => NextStep.Why(Now, seen)!, ct);
                return null;
            case UpdateStep.GoBack:
                return await back.GoBackAsync(Now.Reason, Now.Evidence, ct);
            default:
                throw new InvalidOperationException($"{operation.Name}: {step} takes no release");
        }
    }

    private async Task<Conclusion> FinishAsync(CancellationToken ct)
    {
        safekeeping.Settle();
        var said = await MigrationsAsync(ct);
        supervisor.Run(new RunningRelease(course.To.Release) { Before = course.From, IsCommitted = true });
        await gate.TidyAsync(ct);
        return new Conclusion(
            OperationState.Done,
            Phase.Pruned,
            await traffic.WithSummaryAsync(DoneSentence, ct),
            "",
            said
        );
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
