using Appliance.Agent.Sources;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Releases;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>
/// Decides which release runs. At a start of the agent it goes on where the journal ends; then it takes operations, one at a
/// time.
/// </summary>
internal sealed class Updater(
    UpdateJournal journal,
    Holds holds,
    UpdateQueue queue,
    Intake intake,
    InstalledRelease installed,
    UpdateRuns runs,
    AgentTakeover takeover,
    Pruning pruning,
    Occupancy occupancy,
    HeldRelease held,
    DataPlans dataPlans,
    OperationProgress progress,
    EventLog events,
    IOptions<SourcesOptions> sources,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<Updater> log
) : BackgroundService
{
    /// <summary>The words in which somebody agrees that an upgrade keeps no data.</summary>
    public const string LoseData = "I accept that data may be lost";

    private static readonly TimeSpan BetweenHousekeeping = TimeSpan.FromHours(1);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private CancellationTokenSource cancel = new();

    /// <summary>Begins to install or upgrade to what waits.</summary>
    /// <param name="withoutSnapshot">The words with which somebody agrees that nothing is kept; null: it is.</param>
    /// <exception cref="UpdatesBusyException">Something else is being done.</exception>
    /// <exception cref="RefusedException">No release with this digest waits, or those are not the words.</exception>
    /// <exception cref="StorageException">It could not be made durable, and is not begun.</exception>
    public Task<Operation> StartUpgradeAsync(
        string digest,
        string? withoutSnapshot,
        string actor,
        CancellationToken ct
    ) =>
        BeginAsync(
            () =>
            {
                if (withoutSnapshot is not null and not LoseData)
                    throw new RefusedException($"to go without a snapshot takes the words \"{LoseData}\"");
                if (held.Current is not { } target || target.Known.Digest != digest)
                    throw new RefusedException(
                        $"{digest} does not wait to be installed (any more); send its bundle again"
                    );
                if (target.Expires <= clock.GetUtcNow() && !target.ExpiryAccepted)
                    throw new RefusedException($"the signatures of {target.Name} have expired while it waited");
                var sentence = $"{target.Name} is verified, and here in full";
                if (target.ExpiryAccepted)
                    sentence += $"; signatures that expire on {target.Expires:yyyy-MM-dd} are accepted";
                var kind = journal.Current is null ? OperationKind.Install : OperationKind.Upgrade;
                return journal.Begin(
                    Wanted(kind, target.Content.Descriptor, actor, sentence) with
                    {
                        WithoutSnapshot = withoutSnapshot,
                    },
                    target.Known,
                    target.Trust
                );
            },
            ct
        );

    /// <summary>Begins to go back to the release before.</summary>
    /// <param name="loseDataSince">Since when what was written is given up, as the plan has it; null: nothing is.</param>
    /// <exception cref="UpdatesBusyException">Something else is being done.</exception>
    /// <exception cref="RefusedException">There is none, or data would be lost that nobody has given up.</exception>
    /// <exception cref="StorageException">It could not be made durable, and is not begun.</exception>
    public Task<Operation> StartRollbackAsync(string? loseDataSince, string actor, CancellationToken ct) =>
        BeginAsync(
            () =>
            {
                var target = PreviousOrRefuse();
                var data = dataPlans.OfRollback();
                if (data.Problem is { } problem)
                    throw new RefusedException(problem);
                if (data.LosesSince != loseDataSince)
                    throw new RefusedException(
                        data.LosesSince is { } since
                            ? $"what was written to {DataPlan.NamesOf(data.Snapshots)} since {since} would be lost; to agree to that takes that time"
                            : "nothing would be lost, so there is no such time to agree to"
                    );
                var descriptor = ReleaseDescriptor.Parse(target.Descriptor);
                var sentence = $"{descriptor.Product} {descriptor.Version} was verified when it was installed";
                if (loseDataSince is not null)
                    sentence += $"; what was written since {loseDataSince} is given up";
                return journal.Begin(Wanted(OperationKind.Rollback, descriptor, actor, sentence), target, trust: null);
            },
            ct
        );

    /// <summary>Wants an operation taken back.</summary>
    /// <exception cref="RefusedException">It has ended, or committed.</exception>
    /// <exception cref="StorageException">The wish could not be made durable, and does not count.</exception>
    public Operation Cancel(Operation operation, string by)
    {
        lock (gate)
        {
            var now = journal.Find(operation.Id);
            if (now is null or { HasEnded: true })
                throw new RefusedException($"{operation.Name} has ended already");
            if (now.Phase is Phase.Committed or Phase.Pruned)
                throw new RefusedException($"{operation.Name} has committed; `appliancectl rollback` goes back");
            if (now.Phase is not (Phase.RollingBack or Phase.RolledBack))
                journal.Cancel(operation.Id, by);
            cancel.Cancel();
        }
        return journal.Find(operation.Id)!;
    }

    /// <summary>The release that a rollback would bring back.</summary>
    /// <exception cref="RefusedException">There is none.</exception>
    public KnownRelease PreviousOrRefuse() =>
        journal.Previous
        ?? throw new RefusedException(
            journal.Current is null
                ? "nothing is installed"
                : "there is no release to go back to: one is kept from an upgrade until the rollback to it"
        );

    /// <summary>Whoever asks the agent anything finds the installed release known.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (journal.Running is { } unfinished)
        {
            occupancy.Become(Doing(unfinished));
            queue.Add(unfinished);
        }
        else
        {
            await installed.RunAsync(cancellationToken);
        }
        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        cancel.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // At the signal, not when open calls have ended: nothing is planned from then on, and a gate would judge that.
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        await WorkAsync(ending.Token);
    }

    private async Task WorkAsync(CancellationToken ct)
    {
        // What was kept for a time is given back though nothing else happens.
        await using var housekeeping = clock.CreateTimer(
            _ => queue.GiveBackSpace(),
            null,
            BetweenHousekeeping,
            BetweenHousekeeping
        );
        if (journal.Running is { } unfinished)
        {
            CountStart(unfinished);
        }
        else
        {
            await KeepHouseAsync(ct);
            await InstallFirstAsync(ct);
        }
        await foreach (var operation in queue.ReadAllAsync(ct))
        {
            if (operation is null)
                await KeepHouseAsync(ct);
            else
                await FinishAsync(operation.Id, ct);
        }
    }

    private void CountStart(Operation unfinished)
    {
        if (takeover.IsTakingOver(unfinished))
            return;
        try
        {
            journal.Resume(unfinished.Id);
        }
        catch (StorageException e)
        {
            // The operation goes on when something can be written again, and what runs is to be looked after until then.
            log.Step(unfinished.Name, "waiting", e.Message);
        }
    }

    /// <summary>On the first boot there is nobody yet to send a bundle.</summary>
    private async Task InstallFirstAsync(CancellationToken ct)
    {
        if (journal.Current is not null || sources.Value.FirstBundle is not { } path)
            return;
        const string actor = "the agent (sources.first-bundle)";
        try
        {
            await using var bundle = File.OpenRead(path);
            var taken = await intake.StageAsync(bundle, acceptExpired: false, actor, ct);
            await StartUpgradeAsync(taken.Known.Digest, withoutSnapshot: null, actor, ct);
        }
        catch (Exception e)
            when (e
                    is RefusedException
                        or IOException
                        or UnauthorizedAccessException
                        or StorageException
                        or UpdatesBusyException
            )
        {
            events.Append(
                new(EventSeverity.Error, "bundle.refused", null, null, $"{path}: {e.Message}", "installed nothing")
            );
        }
    }

    private async Task FinishAsync(long id, CancellationToken ct)
    {
        var operation = journal.Find(id)!;
        Conclusion? end = null;
        await UntilWrittenAsync(operation, async () => end = await ConcludeAsync(journal.Find(id)!, ct), ct);
        if (end!.State is OperationState.Done)
            await PruneAsync(ct);
        // One that was taken back held its release until now.
        await UntilWrittenAsync(
            operation,
            () =>
                occupancy.KeepHouseAsync(
                    () => End(id, end),
                    async () =>
                    {
                        await PruneAsync(ct);
                        Tell(operation, end);
                        // Whatever it came to: the agent belongs to the release that is installed now. Before anybody can
                        // begin something else.
                        await takeover.SettleAsync(ct);
                    },
                    ct
                ),
            ct
        );
    }

    /// <summary>Nothing may be done that cannot be written down first: it waits until it can be.</summary>
    private async Task UntilWrittenAsync(Operation operation, Func<Task> work, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                await work();
                return;
            }
            catch (StorageException e)
            {
                // Until something is written down again.
                progress.Wait(e.Message, journal.Changed);
                log.Step(operation.Name, "waiting", e.Message);
                await PruneAsync(ct);
                await Task.Delay(AfterTrouble, clock, ct);
            }
        }
    }

    private void End(long id, Conclusion end)
    {
        journal.End(id, end.State, end.Phase, end.Sentence, end.Reason, end.Evidence);
        lock (gate)
        {
            if (cancel.IsCancellationRequested)
                cancel = new CancellationTokenSource();
        }
    }

    private Task KeepHouseAsync(CancellationToken ct) =>
        occupancy.KeepHouseAsync(
            async () =>
            {
                await PruneAsync(ct);
                await takeover.SettleAsync(ct);
            },
            ct
        );

    private Task PruneAsync(CancellationToken ct) => pruning.RunAsync(held.Current?.Content, ct);

    private async Task<Conclusion> ConcludeAsync(Operation operation, CancellationToken ct)
    {
        // That takes no release, which may be why it came to that.
        if (NextStep.Of(operation, default) is UpdateStep.GiveUp)
        {
            await installed.RunAsync(ct);
            return new Conclusion(
                OperationState.Failed,
                operation.Phase,
                "it was not begun; what ran before runs on, untouched",
                NextStep.Why(operation, default)!.Reason,
                ""
            );
        }
        UpdateRun run;
        try
        {
            run = await runs.OpenAsync(operation, ct);
        }
        catch (Exception e) when (e is RefusedException or IOException or UnauthorizedAccessException)
        {
            if (await GoBackUnopenedAsync(operation, e.Message, ct) is { } back)
                return back;
            await installed.RunAsync(ct);
            return Unopened(operation, e.Message);
        }
        return await run.RunAsync(cancel.Token, ct);
    }

    /// <returns>Null: it had not come to change data.</returns>
    private async Task<Conclusion?> GoBackUnopenedAsync(Operation operation, string why, CancellationToken ct)
    {
        if (
            operation.Phase is < Phase.Snapshotting or Phase.Committed or Phase.Pruned
            || !dataPlans.IsChanging(operation)
        )
            return null;
        return await (await runs.OpenWayBackAsync(operation, why, ct)).RunAsync(CancellationToken.None, ct);
    }

    /// <summary>What is stored of a release was damaged meanwhile: the one that is installed runs, as far as it can.</summary>
    private static Conclusion Unopened(Operation operation, string reason) =>
        new(
            operation.Phase < Phase.Snapshotting || operation.Phase is Phase.Committed
                ? OperationState.Failed
                : OperationState.RolledBack,
            operation.Phase,
            "what is stored of the releases could not be read",
            reason,
            operation.Evidence
        );

    private void Tell(Operation operation, Conclusion end) =>
        Tell(
            end.State is OperationState.Done ? EventSeverity.Info : EventSeverity.Error,
            end.State switch
            {
                OperationState.Done => "update.done",
                OperationState.RolledBack => "update.rolled-back",
                OperationState.Cancelled => "update.cancelled",
                _ => "update.failed",
            },
            end.Reason.Length > 0
                ? $"{operation.Name} to {operation.Product} {operation.ToVersion}: {end.Reason}"
                : $"{operation.Actor} asked for {operation.Name}",
            end.Sentence
        );

    private void Tell(EventSeverity severity, string kind, string found, string done) =>
        events.Append(new(severity, kind, null, null, found, done));

    private async Task<Operation> BeginAsync(Func<Operation> begin, CancellationToken ct)
    {
        // Whoever works on the appliance by hand must not have another release under their hands.
        if (holds.Current is { } hold)
            throw new RefusedException($"{Words.Of(hold)}; `appliancectl maintenance release` ends that");
        await occupancy.EnterAsync("an operation is being begun", ct);
        try
        {
            begin();
        }
        catch when (journal.Running is null)
        {
            occupancy.Leave();
            throw;
        }
        // What was planned against the release before may not follow the next one.
        held.Drop();
        var operation = journal.Running!;
        occupancy.Become(Doing(operation));
        queue.Add(operation);
        return operation;
    }

    private Operation Wanted(OperationKind kind, ReleaseDescriptor target, string actor, string sentence)
    {
        var current = CurrentDescriptor();
        return new Operation(
            0,
            kind,
            OperationState.Running,
            Phase.Verified,
            target.Product,
            journal.Current?.Digest,
            current?.Version.Text ?? "",
            target.Index.Digest,
            target.Version.Text,
            actor,
            clock.GetUtcNow(),
            null,
            sentence,
            "",
            "",
            null,
            0
        );
    }

    private ReleaseDescriptor? CurrentDescriptor() =>
        journal.Current is { } current ? ReleaseDescriptor.Parse(current.Descriptor) : null;

    private static string Doing(Operation operation) =>
        $"{operation.Name} ({operation.Kind.ToString().ToLowerInvariant()} to {operation.ToVersion}) is under way";
}
