using Appliance.Agent.Content;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>
/// One operation from where the journal says that it is, to its end. Each intention is in the journal before its
/// effect, and each effect may be repeated, so a start of the agent goes on with the same code that began it.
/// </summary>
internal sealed class UpdateRun(
    Operation operation,
    Release from,
    OpenedRelease to,
    UpdateJournal journal,
    ISupervisor supervisor,
    Preflight preflight,
    ImageLoader images,
    Gate gate,
    TrafficWatch traffic,
    Trial trial,
    Rollout rollout,
    Evidence evidence,
    MachineBoot boot,
    OperationProgress progress,
    ILogger<UpdateRun> log
)
{
    private readonly IReadOnlyList<ServiceDifference> differences = ReleaseDifference.Between(from, to.Release);

    private const int MostLossesWhileLoading = 3;

    // Services of the target that do not have to be well for it to be committed.
    private readonly HashSet<string> excused = [];
    private readonly List<string> unwell = [];

    private bool waitsForEngine;
    private int lossesWhileLoading;

    private IReadOnlyList<ServiceDifference> Changed =>
        [.. differences.Where(d => d.Change is not ServiceChange.Untouched)];

    // The operation is as it was when the run began.
    private Phase Reached => journal.Find(operation.Id)!.Phase;

    private bool HasOrigin => from.Digest.Length > 0;

    private string Target => $"{operation.Product} {operation.ToVersion}";

    private string Origin => operation.FromVersion.Length > 0 ? operation.FromVersion : "nothing";

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
            if (operation.Phase < Phase.Switching && await PrepareAsync(either.Token) is { } refusal)
                return refusal;
            if (operation.Phase is Phase.RollingBack)
                return await GoBackAsync(operation.Reason, operation.Evidence, ct);
            if (operation.Phase < Phase.Committed)
            {
                var complaints = gate.NewComplaints(Renewed());
                if (await SwitchAsync(complaints, either.Token) is { } unfit)
                    return await TurnBackAsync(unfit, ct);
                do
                {
                    if (await ObserveAsync(complaints, either.Token) is { } fallen)
                        return await TurnBackAsync(fallen, ct);
                    // A resumed one may find everything well without ever having waited.
                    either.Token.ThrowIfCancellationRequested();
                    if (journal.Find(operation.Id)!.CancelledBy is not null)
                        return await CancelledAsync(ct);
                    // Somebody may cancel or hold it at the last moment.
                } while (!journal.Commit(operation, $"{Target} is the release to run"));
            }
            supervisor.Run(new RunningRelease(to.Release));
            await gate.TidyAsync(ct);
            return new Conclusion(OperationState.Done, Phase.Pruned, await WithTrafficAsync(DoneSentence, ct), "", "");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return await CancelledAsync(ct);
        }
    }

    /// <summary>What the change cost those who used the application meanwhile, as far as it was seen.</summary>
    private async Task<string> WithTrafficAsync(string sentence, CancellationToken ct) =>
        await traffic.SummaryAsync(ct) is { } summary ? $"{sentence}; {summary}" : sentence;

    private string DoneSentence =>
        operation.Kind switch
        {
            OperationKind.Install => $"{Target} is installed",
            OperationKind.Upgrade => $"{operation.Product} was upgraded from {Origin} to {operation.ToVersion}",
            _ when unwell.Count > 0 =>
                $"{operation.Product} was rolled back from {Origin} to {operation.ToVersion}, but not all of it is well: {string.Join("; ", unwell)}",
            _ => $"{operation.Product} was rolled back from {Origin} to {operation.ToVersion}",
        };

    /// <summary>All that touches nothing that runs.</summary>
    /// <returns>Null: it may go on. Otherwise how it ends.</returns>
    private async Task<Conclusion?> PrepareAsync(CancellationToken ct)
    {
        // Without one before, what runs is left alone until there is something to put in its place.
        if (HasOrigin)
            supervisor.Run(new RunningRelease(from));
        try
        {
            while (!await TryPrepareAsync(ct))
                await gate.EngineAsync(ct);
            return null;
        }
        catch (RefusedException e)
        {
            return new Conclusion(
                OperationState.Refused,
                Phase.Preflighted,
                "refused; nothing was changed",
                e.Message,
                ""
            );
        }
        catch (Exception e) when (e is DockerEngineException or IOException or UnauthorizedAccessException)
        {
            return new Conclusion(
                OperationState.Failed,
                Phase.Loading,
                $"{Target} could not be loaded; what ran before runs on, untouched",
                e.Message,
                ""
            );
        }
    }

    /// <returns>False: the engine is away, which is nobody's fault; nothing is lost but time.</returns>
    private async Task<bool> TryPrepareAsync(CancellationToken ct)
    {
        try
        {
            if (Reached < Phase.Preflighted)
            {
                await preflight.CheckAsync(to.Content, ct);
                Record(Phase.Preflighted, StepOutcome.Done, "the engine answers, and has room for it");
            }
            await LoadAsync(ct);
            return true;
        }
        catch (EngineUnavailableException e)
        {
            if (Reached is Phase.Loading && ++lossesWhileLoading >= MostLossesWhileLoading)
                throw new IOException(
                    $"the engine went away {lossesWhileLoading} times while it loaded: {e.Message}",
                    e
                );
            if (!waitsForEngine)
                Record(Reached, StepOutcome.Failed, $"waiting for the engine, which does not answer: {e.Message}");
            waitsForEngine = true;
            return false;
        }
    }

    private async Task LoadAsync(CancellationToken ct)
    {
        if (operation.Phase >= Phase.Loaded)
            return;
        Record(Phase.Loading, StepOutcome.Begun, $"loading {Count(to.Content.Images.Count, "image")}");
        await RemoveDoubtfulAsync(ct);
        var plan = await images.PlanAsync(to.Content.Images, ct);
        // What the engine has already is not ours to take away again.
        journal.WillLoad([.. plan.Images.Select(i => i.Config.Digest)], boot.Id);
        var report = new ByteReport(progress, plan.BytesToSend);
        await images.LoadAsync(to.Content.Images, report, ct);
        progress.Set(Progress.None);
        journal.HasLoaded([.. to.Content.Images.Select(i => i.Config.Digest)]);
        Record(Phase.Loaded, StepOutcome.Done, $"the engine has {Count(to.Content.Images.Count, "image")} of {Target}");
    }

    /// <summary>
    /// The machine went down while the engine was given images: what it knows of them may be no more than their names. No
    /// container was made of them yet, and their blobs are here.
    /// </summary>
    /// <exception cref="IOException">Something uses one of them.</exception>
    private async Task RemoveDoubtfulAsync(CancellationToken ct)
    {
        var doubtful = journal.DoubtfulImages(boot.Id);
        foreach (var image in to.Content.Images.Where(i => doubtful.Contains(i.Config.Digest)))
        {
            if (!await images.RemoveAsync(image.Config.Digest, ct))
                throw new IOException(
                    $"the engine may hold {image.Reference} in part only since the machine went down, and something uses it: remove what does, and try again"
                );
        }
    }

    /// <summary>Service by service, each proven before the next is touched.</summary>
    private async Task<Unfit?> SwitchAsync(Complaints complaints, CancellationToken ct)
    {
        var steps = journal.Steps(operation.Id);
        var switched = differences
            .Where(d => d.Change is ServiceChange.Untouched)
            .Select(d => d.Service)
            .Concat(Recorded.Named(steps))
            .ToHashSet();
        var tried = rollout.Of(operation).Trial;
        if (tried is not null)
            switched.Remove(tried);
        // Of what may be running there is no description: what the target has of it is adopted, and not removed first.
        if (!HasOrigin)
            switched.UnionWith(Changed.Select(c => c.Service));
        // A start of the agent finds nothing that is told to run, and may be kept from going on for as long as somebody holds it.
        if (Recorded.HasBegun(steps))
            Run(switched, tried);
        if (operation.Kind is OperationKind.Rollback)
        {
            foreach (var (service, reason) in Recorded.Tolerated(steps))
                Excuse(service, reason);
        }
        await NoteAilingAsync(ct);
        foreach (var (change, number) in Changed.Select((c, i) => (c, i)))
        {
            progress.Set(new Progress(0, 0, number, Changed.Count));
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
        var candidate = CandidatesOf(to.Release).Single(c => c.Service == change.Service);
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
    private async Task<Unfit?> ObserveAsync(Complaints complaints, CancellationToken ct)
    {
        progress.Set(Progress.None);
        var period = differences
            .Where(HasToProve)
            .Select(d => PolicyOf(to.Release.Model.Services[d.Service]).Monitor)
            .DefaultIfEmpty(TimeSpan.Zero)
            .Max();
        Record(Phase.Observing, StepOutcome.Begun, $"watching all services for {period.TotalSeconds:0.#} s");
        supervisor.Run(new RunningRelease(to.Release) { IsReturn = operation.Kind is OperationKind.Rollback });
        WatchProbedAnew(complaints);
        var candidates = CandidatesOf(to.Release);
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
    private async Task NoteAilingAsync(CancellationToken ct)
    {
        var untouched = differences
            .Where(d => d.Change is ServiceChange.Untouched && !HasToProve(d))
            .Select(d => d.Service)
            .ToHashSet();
        if (untouched.Count > 0 && !Recorded.HasBegun(journal.Steps(operation.Id)))
        {
            supervisor.Run(new RunningRelease(from));
            foreach (var ill in await gate.AilingAsync(untouched, ct))
            {
                var text = $"{ill.Name} was not well before, and does not have to be: {ill.Explanation}";
                Record(Phase.Switching, StepOutcome.Done, text, ill.Name);
            }
        }
        excused.UnionWith(NotedAsAiling().Where(untouched.Contains));
    }

    private IEnumerable<string> NotedAsAiling() =>
        Recorded.Ailing(journal.Steps(operation.Id), Changed.Select(d => d.Service));

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
        return await PassAsync(CandidatesOf(to.Release).Single(c => c.Service == change.Service), complaints, ct);
    }

    private Task<Unfit?> PassAsync(Candidate candidate, Complaints complaints, CancellationToken ct) =>
        excused.Contains(candidate.Service) ? Task.FromResult<Unfit?>(null) : gate.PassAsync(candidate, complaints, ct);

    private static bool HasToProve(ServiceDifference difference) =>
        difference.Change is ServiceChange.Added or ServiceChange.Changed || ReleaseDifference.IsProbedAnew(difference);

    /// <summary>Untouched as their containers are, the release asks them something new from its first switch on.</summary>
    private void WatchProbedAnew(Complaints complaints)
    {
        foreach (var untouched in differences.Where(d => d.Change is ServiceChange.Untouched))
        {
            if (HasToProve(untouched) && !excused.Contains(untouched.Service))
                complaints.Watch(untouched.Service);
        }
    }

    /// <summary>Services whose containers the target has made anew: what fails of the requests to others is not its doing.</summary>
    private HashSet<string> Renewed()
    {
        var before = supervisor.HashesOf(from);
        return
        [
            .. supervisor
                .HashesOf(to.Release)
                .Where(s => before.GetValueOrDefault(s.Key) != s.Value)
                .Select(s => s.Key),
        ];
    }

    private List<Candidate> CandidatesOf(Release release)
    {
        var other = ReferenceEquals(release, from) ? to.Release : from;
        var isReturn = ReferenceEquals(release, from) || operation.Kind is OperationKind.Rollback;
        return
        [
            .. supervisor
                .HashesOf(release)
                .Select(s =>
                    Candidate.Of(
                        release.Model.Services[s.Key],
                        s.Value,
                        other.Model.Services.GetValueOrDefault(s.Key),
                        isReturn
                    )
                ),
        ];
    }

    private UpdatePolicy PolicyOf(ComposeService service) =>
        DesiredStateBuilder.PolicyOf(service.Deploy, operation.Kind is OperationKind.Rollback);

    private async Task<Conclusion> TurnBackAsync(Unfit unfit, CancellationToken ct)
    {
        var said = await evidence.OfAsync(unfit.Service, ct);
        TurnBack(unfit.Reason, said);
        return await GoBackAsync(unfit.Reason, said, ct);
    }

    private async Task<Conclusion> CancelledAsync(CancellationToken ct)
    {
        var by = journal.Find(operation.Id)?.CancelledBy ?? "somebody";
        var reason = $"{by} cancelled it";
        if (Reached < Phase.Switching)
            return new Conclusion(
                OperationState.Cancelled,
                Phase.Loading,
                "cancelled; nothing was changed",
                reason,
                ""
            );
        TurnBack(reason, "");
        return await GoBackAsync(reason, "", ct) with { State = OperationState.Cancelled };
    }

    private void TurnBack(string reason, string said)
    {
        var text = operation.FromDigest is null ? $"taking {Target} away again" : $"going back to {Origin}";
        journal.TurnBack(operation.Id, text, reason, said);
        log.Step(operation.Name, nameof(Phase.RollingBack), reason);
    }

    private async Task<Conclusion> GoBackAsync(string reason, string said, CancellationToken ct)
    {
        progress.Set(Progress.None);
        if (!HasOrigin && operation.FromDigest is not null)
            return new Conclusion(
                OperationState.Failed,
                Phase.RolledBack,
                $"{Origin} cannot be read any more, so nothing was taken back: what runs was left as it is",
                reason,
                said
            );
        supervisor.Run(new RunningRelease(from) { IsReturn = true });
        var state = operation.CancelledBy is null ? OperationState.RolledBack : OperationState.Cancelled;
        if (!HasOrigin)
        {
            await gate.TidyAsync(ct);
            return new Conclusion(state, Phase.RolledBack, $"{Target} was taken away again", reason, said);
        }

        var ailing = new List<string>();
        // Nobody waits for what was not well before either.
        var expected = CandidatesOf(from).ExceptBy(NotedAsAiling(), c => c.Service);
        var watched = expected.Select(c => (Candidate: c, Complaints: ComplaintsAbout(c))).ToList();
        foreach (var (candidate, complaints) in watched)
        {
            if (await gate.PassAsync(candidate, complaints, ct) is { } unfit)
                ailing.Add(unfit.Reason);
        }
        await gate.TidyAsync(ct);
        var sentence = $"{operation.Product} {Origin} runs again";
        var outcome =
            ailing.Count == 0 ? sentence : $"{sentence}, but not all of it is well: {string.Join("; ", ailing)}";
        return new Conclusion(state, Phase.RolledBack, await WithTrafficAsync(outcome, ct), reason, said);
    }

    private Complaints ComplaintsAbout(Candidate candidate)
    {
        // What is back is as it ever was: how its requests go is held against nobody.
        var complaints = gate.NewComplaints(new HashSet<string>());
        complaints.Watch(candidate.Service);
        return complaints;
    }

    private bool IsRecorded(string service) =>
        journal.Steps(operation.Id).Any(s => s.Service == service && s.Outcome is StepOutcome.Begun);

    // Of one that failed, and is well after a start of the agent, it is to be said again.
    private bool IsRecordedWell(string service) =>
        journal.Steps(operation.Id).LastOrDefault(s => s.Service == service) is { Outcome: StepOutcome.Done };

    private void Record(Phase phase, StepOutcome outcome, string text, string? service = null)
    {
        journal.Record(operation.Id, phase, outcome, text, service);
        log.Step(operation.Name, phase.ToString(), text);
    }

    // A start of the agent proves every service again, also in an operation that was further.
    private void RecordSwitch(StepOutcome outcome, string text, string service) =>
        Record(Reached > Phase.Switching ? Reached : Phase.Switching, outcome, text, service);

    private void Run(HashSet<string> switched, string? canary = null) =>
        supervisor.Run(
            new RunningRelease(from, to.Release, switched.ToHashSet())
            {
                Canary = canary,
                IsReturn = operation.Kind is OperationKind.Rollback,
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

    private static string Count(int count, string what) => count == 1 ? $"1 {what}" : $"{count} {what}s";

    private sealed class ByteReport(OperationProgress progress, long total) : IProgress<long>
    {
        public void Report(long value) => progress.Set(new Progress(value, total, 0, 0));
    }
}

/// <summary>How an operation ends, before it is written down.</summary>
internal sealed record Conclusion(OperationState State, Phase Phase, string Sentence, string Reason, string Evidence);
