using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Updates;

/// <summary>The services of a release take the place of those before, one by one; then all are watched.</summary>
internal sealed class Switching(
    Course course,
    UpdateJournal journal,
    ISupervisor supervisor,
    Gate gate,
    Trial trial,
    Rollout rollout,
    OperationProgress progress
)
{
    private readonly Operation operation = course.Operation;
    private readonly Release from = course.From;
    private readonly OpenedRelease to = course.To;

    // Services of the target that do not have to be well for it to be committed.
    private readonly HashSet<string> excused = [];
    private readonly List<string> unwell = [];

    /// <summary>Why services are not well that were kept all the same.</summary>
    public IReadOnlyList<string> Unwell => unwell;

    /// <summary>Service by service, each proven before the next is touched.</summary>
    public async Task<Unfit?> RunAsync(Complaints complaints, CancellationToken ct)
    {
        var steps = journal.Steps(operation.Id);
        var switched = course
            .Differences.Where(d => d.Change is ServiceChange.Untouched)
            .Select(d => d.Service)
            .Concat(Recorded.Named(steps))
            .ToHashSet();
        var tried = rollout.Of(operation).Trial;
        if (tried is not null)
            switched.Remove(tried);
        // Of what may be running there is no description: what the target has of it is adopted, and not removed first.
        if (!course.HasOrigin)
            switched.UnionWith(course.Changed.Select(c => c.Service));
        // A start of the agent finds nothing that is told to run, and may be kept from going on for as long as somebody holds it.
        if (Recorded.HasBegun(steps) || course.Still.Count > 0)
            Run(switched, tried);
        if (operation.Kind is OperationKind.Rollback)
        {
            foreach (var (service, reason) in Recorded.Tolerated(steps))
                Excuse(service, reason);
        }
        // What was stopped for its data is not well now, and that says nothing of it.
        if (course.Still.Count == 0)
            await NoteAilingAsync(ct);
        excused.UnionWith(course.NotedAsAiling().Where(Untouched.Contains));
        foreach (var (change, number) in course.Changed.Select((c, i) => (c, i)))
        {
            progress.Set(new Progress(0, 0, number, course.Changed.Count));
            // One that is being tried is held in its trial, which goes on watching it.
            if (rollout.Of(operation).Trial != change.Service && await HeldAsync([], complaints, ct) is { } unheld)
                return unheld;
            if (await TryFirstAsync(change, switched, complaints, ct) is { } failed)
                return failed;
            if (!IsRecorded(change.Service))
                RecordSwitch(StepOutcome.Begun, Announce(change), change.Service);
            switched.Add(change.Service);
            Run(switched);
            WatchProbedAnew(complaints);
            while (await ProvenAsync(change, complaints, ct) is { } unfit)
            {
                RecordSwitch(StepOutcome.Failed, unfit.Reason, unfit.Service);
                if (!IsTolerated(unfit, complaints))
                    return unfit;
            }
            if (!excused.Contains(change.Service) && !IsRecordedWell(change.Service))
                RecordSwitch(StepOutcome.Done, Report(change), change.Service);
        }
        return null;
    }

    /// <summary>For as long as somebody holds it nothing more is taken on; what was is watched on.</summary>
    private async Task<Unfit?> HeldAsync(List<Candidate> watched, Complaints complaints, CancellationToken ct)
    {
        while (rollout.IsHeld(operation))
        {
            if (await StayAsync(watched, TimeSpan.Zero, complaints, ct) is { } fallen)
                return fallen;
        }
        return null;
    }

    private async Task<Unfit?> StayAsync(
        List<Candidate> watched,
        TimeSpan period,
        Complaints complaints,
        CancellationToken ct
    )
    {
        var released = rollout.WaitWhileHeldAsync(operation, ct);
        while (await gate.StayAsync(watched, period, released, complaints, ct) is { } fallen)
        {
            if (!IsTolerated(fallen, complaints))
                return fallen;
            watched.RemoveAll(c => excused.Contains(c.Service));
        }
        return null;
    }

    /// <summary>One container of it on a share of the requests, if the release wants that.</summary>
    private async Task<Unfit?> TryFirstAsync(
        ServiceDifference change,
        HashSet<string> switched,
        Complaints complaints,
        CancellationToken ct
    )
    {
        if (
            change.Change is not ServiceChange.Changed
            || operation.Kind is OperationKind.Rollback
            // Nobody is let through who could try it.
            || course.IsClosed
            || switched.Contains(change.Service)
            || to.Release.Model.Services[change.Service].Canary is not { } terms
        )
            return null;
        // Before the step that names it: a start of the agent takes what is named for switched, but for what is tried.
        rollout.BeginTrial(operation, change.Service, terms.Duration);
        if (!IsRecorded(change.Service))
            RecordSwitch(
                StepOutcome.Begun,
                $"trying the new {change.Service} on {terms.Weight} % of the requests, for {terms.Duration.TotalSeconds:0} s",
                change.Service
            );
        Run(switched, change.Service);
        var candidate = course.CandidatesOf(to.Release).Single(c => c.Service == change.Service);
        if (await trial.RunAsync(operation, candidate, terms, complaints, ct) is { } unfit)
        {
            RecordSwitch(StepOutcome.Failed, unfit.Reason, unfit.Service);
            return unfit;
        }
        RecordSwitch(StepOutcome.Begun, trial.Report(change.Service), change.Service);
        rollout.EndTrial(operation);
        return null;
    }

    /// <param name="complaints">About what was switched; the others join once everything was well at the same time.</param>
    public async Task<Unfit?> ObserveAsync(Complaints complaints, CancellationToken ct)
    {
        progress.Set(Progress.None);
        var period = course
            .Differences.Where(HasToProve)
            .Select(d => course.PolicyOf(to.Release.Model.Services[d.Service]).Monitor)
            .DefaultIfEmpty(TimeSpan.Zero)
            .Max();
        course.Record(Phase.Observing, StepOutcome.Begun, $"watching all services for {period.TotalSeconds:0.#} s");
        supervisor.Run(
            new RunningRelease(to.Release)
            {
                Before = from,
                IsReturn = operation.Kind is OperationKind.Rollback,
                IsClosed = course.IsClosed,
            }
        );
        WatchProbedAnew(complaints);
        var candidates = course.CandidatesOf(to.Release);
        if (await AllPassAsync(candidates, complaints, ct) is { } late)
            return late;
        candidates.RemoveAll(c => excused.Contains(c.Service));
        foreach (var candidate in candidates)
            complaints.Watch(candidate.Service);
        do
        {
            if (await StayAsync(candidates, period, complaints, ct) is { } fallen)
                return fallen;
            // Once more: one that is just being started again has not fallen, and is not well either.
            if (await AllPassAsync(candidates, complaints, ct) is { } down)
                return down;
            period = TimeSpan.Zero;
        } while (rollout.IsHeld(operation));
        return null;
    }

    private async Task<Unfit?> AllPassAsync(
        IReadOnlyList<Candidate> candidates,
        Complaints complaints,
        CancellationToken ct
    )
    {
        foreach (var candidate in candidates)
        {
            while (await PassAsync(candidate, complaints, ct) is { } late)
            {
                if (!IsTolerated(late, complaints))
                    return late;
            }
        }
        return null;
    }

    /// <summary>
    /// Untouched services that were not well before are not held against the release. That is noted before the first
    /// switch, and only then: afterwards nobody can tell whose doing it is.
    /// </summary>
    public async Task NoteAilingAsync(CancellationToken ct)
    {
        var untouched = Untouched;
        if (untouched.Count > 0 && !Recorded.HasBegun(journal.Steps(operation.Id)))
        {
            supervisor.Run(new RunningRelease(from));
            foreach (var ill in await gate.AilingAsync(untouched, ct))
            {
                var text = $"{ill.Name} was not well before, and does not have to be: {ill.Explanation}";
                course.Record(course.Reached, StepOutcome.Done, text, ill.Name);
            }
        }
    }

    private HashSet<string> Untouched =>
        [
            .. course
                .Differences.Where(d => d.Change is ServiceChange.Untouched && !HasToProve(d))
                .Select(d => d.Service),
        ];

    /// <summary>
    /// Who asked for a rollback wants to leave what runs now, and gets what they asked for even if not all of it is well;
    /// but not a release of which something cannot be made.
    /// </summary>
    private bool IsTolerated(Unfit unfit, Complaints complaints)
    {
        var seen = supervisor.View.Service(unfit.Service);
        var isMade = seen?.State is ServiceState.Waiting || seen?.Containers.Any(c => c.IsCurrent) == true;
        if (operation.Kind is not OperationKind.Rollback || !isMade)
            return false;
        complaints.Drop(unfit.Service);
        Excuse(unfit.Service, unfit.Reason);
        return true;
    }

    private void Excuse(string service, string reason)
    {
        excused.Add(service);
        unwell.Add(reason);
    }

    private async Task<Unfit?> ProvenAsync(ServiceDifference change, Complaints complaints, CancellationToken ct)
    {
        if (change.Change is ServiceChange.Removed)
            return null;
        if (!excused.Contains(change.Service))
            complaints.Watch(change.Service);
        return await PassAsync(
            course.CandidatesOf(to.Release).Single(c => c.Service == change.Service),
            complaints,
            ct
        );
    }

    private Task<Unfit?> PassAsync(Candidate candidate, Complaints complaints, CancellationToken ct) =>
        excused.Contains(candidate.Service) ? Task.FromResult<Unfit?>(null) : gate.PassAsync(candidate, complaints, ct);

    private static bool HasToProve(ServiceDifference difference) =>
        difference.Change is ServiceChange.Added or ServiceChange.Changed || ReleaseDifference.IsProbedAnew(difference);

    /// <summary>Untouched as their containers are, the release asks them something new from its first switch on.</summary>
    private void WatchProbedAnew(Complaints complaints)
    {
        foreach (var untouched in course.Differences.Where(d => d.Change is ServiceChange.Untouched))
        {
            if (HasToProve(untouched) && !excused.Contains(untouched.Service))
                complaints.Watch(untouched.Service);
        }
    }

    private bool IsRecorded(string service) =>
        journal.Steps(operation.Id).Any(s => s.Service == service && s.Outcome is StepOutcome.Begun);

    // Of one that failed, and is well after a start of the agent, it is to be said again.
    private bool IsRecordedWell(string service) =>
        journal.Steps(operation.Id).LastOrDefault(s => s.Service == service) is { Outcome: StepOutcome.Done };

    // A start of the agent proves every service again, also in an operation that was further.
    private void RecordSwitch(StepOutcome outcome, string text, string service) =>
        course.Record(course.Reached > Phase.Switching ? course.Reached : Phase.Switching, outcome, text, service);

    private void Run(HashSet<string> switched, string? canary = null) =>
        supervisor.Run(
            new RunningRelease(from, to.Release, switched.ToHashSet())
            {
                Canary = canary,
                IsReturn = operation.Kind is OperationKind.Rollback,
                Still = course.Still,
                IsClosed = course.IsClosed,
            }
        );

    private static string Announce(ServiceDifference change) =>
        change.Change switch
        {
            ServiceChange.Added => $"starting {change.Service}",
            ServiceChange.Removed => $"removing {change.Service}",
            _ => $"replacing {change.Service}: {string.Join(", ", change.Reasons)}",
        };

    private static string Report(ServiceDifference change) =>
        change.Change is ServiceChange.Removed ? $"{change.Service} is no longer wanted" : $"{change.Service} is well";
}
