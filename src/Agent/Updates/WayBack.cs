using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Updates;

/// <summary>Takes an operation back: what ran before it runs again.</summary>
internal sealed class WayBack(
    Course course,
    UpdateJournal journal,
    ISupervisor supervisor,
    Gate gate,
    Safekeeping safekeeping,
    TrafficWatch traffic,
    Evidence evidence,
    OperationProgress progress,
    ILogger<UpdateRun> log
)
{
    private readonly Operation operation = course.Operation;
    private readonly Release from = course.From;

    /// <summary>Durable before anything is taken back: that it is, why, and what the failing service said.</summary>
    /// <param name="ask">Why; asked again before it is written down, for it may have been cancelled meanwhile.</param>
    /// <param name="ct">Fires when the agent ends.</param>
    public async Task TurnBackAsync(Func<Unfit> ask, CancellationToken ct)
    {
        var said = await evidence.OfAsync(ask().Service, ct);
        var why = ask();
        var text = operation.FromDigest is null
            ? $"taking {course.Target} away again"
            : $"going back to {course.Origin}";
        journal.TurnBack(operation.Id, text, why.Reason, said);
        log.Step(operation.Name, nameof(Phase.RollingBack), why.Reason);
    }

    /// <summary>From the entry in the journal on that it is to be taken back.</summary>
    public async Task<Conclusion> GoBackAsync(string reason, string said, CancellationToken ct)
    {
        progress.Set(Progress.None);
        if (course.IsOriginUnknown)
            return await GoBackUnknownAsync(reason, said, ct);
        var isClosed = course.IsClosed;
        var lost = await safekeeping.PutBackAsync(ct);
        supervisor.Run(
            new RunningRelease(from)
            {
                Before = course.To.Release,
                IsReturn = true,
                IsClosed = isClosed && lost is null,
            }
        );
        if (lost is not null)
            return new Conclusion(OperationState.Failed, Phase.RolledBack, lost, reason, said);
        var state = journal.Find(operation.Id)!.CancelledBy is null
            ? OperationState.RolledBack
            : OperationState.Cancelled;
        if (!course.HasOrigin)
        {
            supervisor.Run(new RunningRelease(from) { IsReturn = true });
            await gate.TidyAsync(ct);
            return new Conclusion(state, Phase.RolledBack, $"{course.Target} was taken away again", reason, said);
        }

        var ailing = new List<string>();
        // Nobody waits for what was not well before either.
        var expected = course.CandidatesOf(from).ExceptBy(course.NotedAsAiling(), c => c.Service);
        var watched = expected.Select(c => (Candidate: c, Complaints: ComplaintsAbout(c))).ToList();
        foreach (var (candidate, complaints) in watched)
        {
            if (await gate.PassAsync(candidate, complaints, ct) is { } unfit)
                ailing.Add(unfit.Reason);
        }
        if (isClosed)
            supervisor.Run(new RunningRelease(from) { IsReturn = true });
        await gate.TidyAsync(ct);
        var sentence = $"{operation.Product} {course.Origin} runs again";
        var outcome =
            ailing.Count == 0 ? sentence : $"{sentence}, but not all of it is well: {string.Join("; ", ailing)}";
        return new Conclusion(state, Phase.RolledBack, await traffic.WithSummaryAsync(outcome, ct), reason, said);
    }

    /// <summary>The data goes back all the same: to put it back takes no release, and that one is to find it as it was.</summary>
    private async Task<Conclusion> GoBackUnknownAsync(string reason, string said, CancellationToken ct)
    {
        var hadData = safekeeping.IsOwed;
        var lost = await safekeeping.PutBackAsync(ct);
        var done =
            lost is not null ? $"and {lost}"
            : hadData ? "so only its data was put back: what used that was removed, and all else was left as it is"
            : "so nothing was taken back: what runs was left as it is";
        supervisor.Refuse($"{course.Origin} is to run again, and cannot be read any more");
        return new Conclusion(
            OperationState.Failed,
            Phase.RolledBack,
            $"{course.Origin} cannot be read any more, {done}",
            reason,
            said
        );
    }

    private Complaints ComplaintsAbout(Candidate candidate)
    {
        // What is back is as it ever was: how its requests go is held against nobody.
        var complaints = gate.NewComplaints(new HashSet<string>());
        complaints.Watch(candidate.Service);
        return complaints;
    }
}
