using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>
/// Before an operation changes data so that the release before cannot use it: stops all that uses it, and keeps what it is.
/// When the operation is taken back: stops them again, and puts it back.
/// </summary>
internal sealed class Safekeeping(
    Course course,
    UpdateJournal journal,
    SnapshotTable snapshots,
    DataPlans plans,
    ISupervisor supervisor,
    Gate gate,
    Rollout rollout,
    EventLog events,
    TimeProvider clock
)
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    private readonly Operation operation = course.Operation;

    // What was last told of what is waited for.
    private string told = "";

    /// <summary>Before anything is touched.</summary>
    /// <returns>What is to be kept, and what that takes.</returns>
    /// <exception cref="RefusedException">It cannot be kept, and nobody has agreed to that.</exception>
    /// <exception cref="EngineUnavailableException">The engine does not answer.</exception>
    public async Task<DataPlan> CheckAsync(CancellationToken ct)
    {
        if (operation.Kind is OperationKind.Rollback)
        {
            var back = plans.OfRollback();
            if (back.Problem is { } gone)
                throw new RefusedException(gone);
            if (await plans.StrangerAsync(back.Snapshots, course.HasOrigin ? course.From : null, ct) is { } holder)
                throw new RefusedException(
                    $"{holder} uses {DataPlan.NamesOf(back.Snapshots)}, and is not the agent's to stop: stop it"
                );
            return back;
        }
        var plan = await plans.OfUpgradeAsync(operation.FromVersion, course.To.Release, ct);
        if (plan.Snapshots.Count == 0 || operation.WithoutSnapshot is not null)
            return plan with { BytesToCopy = 0, Problem = null };
        if (plan.Problem is { } problem)
            throw new RefusedException($"{problem}; {Words}");
        if (await plans.ProblemOfUsersAsync(plan.Snapshots, course.HasOrigin ? course.From : null, ct) is { } used)
            throw new RefusedException($"{used}; {Words}");
        return plan;
    }

    /// <summary>Keeps what has to be; nothing of the next release was started before.</summary>
    /// <param name="before">What has to be done before anything is stopped.</param>
    /// <returns>Null: it may go on. Otherwise why not.</returns>
    public async Task<Unfit?> KeepAsync(Func<Task> before, CancellationToken ct)
    {
        var kept = snapshots.Of(operation.Id);
        if (course.Reached < Phase.Snapshotting)
        {
            // It was agreed that there is none.
            if (kept.Count > 0)
                return null;
            try
            {
                kept = await WantedAsync(ct);
            }
            catch (Exception e) when (e is RefusedException or DockerEngineException)
            {
                return new Unfit("", e.Message);
            }
            if (kept.Count == 0)
                return null;
            if (operation.WithoutSnapshot is { } words)
                return GoWithout(kept, words);
            await rollout.WaitWhileHeldAsync(operation, ct);
            await before();
            course.BeginSnapshot(kept, $"stopping what uses {DataPlan.NamesOf(kept)}");
        }
        if (course.Reached >= Phase.Snapshotted)
            return null;
        if (await StandStillAsync(kept, isPatient: false, ct) is { } why)
            return new Unfit("", why);
        try
        {
            await KeepAsync(kept, ct);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new Unfit("", $"what {DataPlan.NamesOf(kept)} holds could not be kept: {e.Message}");
        }
    }

    /// <summary>Whether there is anything to put back.</summary>
    public bool IsOwed => plans.IsChanging(operation);

    /// <summary>Puts back what was kept, if anything was.</summary>
    /// <returns>Null: all is as it was. Otherwise why it cannot be; what uses it is stopped then.</returns>
    public async Task<string?> PutBackAsync(CancellationToken ct)
    {
        var rows = snapshots.Of(operation.Id);
        if (plans.HasLostRows(operation))
            return LoseAll();
        // It was agreed that there is none.
        if (operation.WithoutSnapshot is null && rows.Where(IsGone).ToList() is { Count: > 0 } gone)
            return Lose(rows, gone);
        var kept = rows.Where(s => s.State is SnapshotState.Made or SnapshotState.Wanted).ToList();
        // Nothing is changed before all is kept; but a rollback keeps by putting something else in its place.
        if (kept.Count == 0 || (operation.Kind is not OperationKind.Rollback && kept.Any(IsWanted)))
            return null;
        await StandStillAsync(kept, isPatient: true, ct);
        while (true)
        {
            try
            {
                // All of it or nothing: volumes belong together, and a set of two times fits to no release.
                if (kept.Where(s => !CanPutBack(s)).ToList() is { Count: > 0 } lost)
                    return Lose(kept, lost);
                foreach (var snapshot in kept)
                    PutBack(snapshot);
                // What the one-shots of the target did to the data is not in it any more. First: it is not known afterwards
                // that it was put back only now.
                if (operation.Kind is not OperationKind.Rollback)
                    supervisor.ForgetCompletions(course.To.Release, except: course.From);
                snapshots.Put([.. kept.Select(s => s with { State = SnapshotState.PutBack })]);
                course.Record(
                    Phase.RollingBack,
                    StepOutcome.Done,
                    $"{DataPlan.NamesOf(kept)} {(kept.Count == 1 ? "holds" : "hold")} again what was there before"
                );
                return null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Tell($"waiting to put the data back: {e.Message}");
                await Task.Delay(AfterTrouble, clock, ct);
            }
        }
    }

    /// <summary>Once the operation has committed: there is no way back to what the data was.</summary>
    /// <exception cref="StorageException">It could not be made durable, and is to be done again.</exception>
    public void Settle()
    {
        // What the one-shots of the release that was left did to the data is not in what was brought back.
        if (
            operation.Kind is OperationKind.Rollback
            && snapshots.Of(operation.Id).Any(s => s.State is SnapshotState.Made)
        )
            supervisor.ForgetCompletions(course.From, except: course.To.Release);
    }

    private static string Words => $"or agree to lose data, with the words \"{Updater.LoseData}\"";

    private async Task<IReadOnlyList<VolumeSnapshot>> WantedAsync(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                var plan = await CheckAsync(ct);
                return
                [
                    .. plan.Snapshots.Select(s =>
                        VolumeFiles.FolderFor(s.Live, operation) is var folder
                            ? s with
                            {
                                Operation = operation.Id,
                                Kept = Path.Combine(folder, s.Volume),
                                State = SnapshotState.Wanted,
                            }
                            : s
                    ),
                ];
            }
            catch (EngineUnavailableException)
            {
                await gate.EngineAsync(ct);
            }
        }
    }

    private Unfit? GoWithout(IReadOnlyList<VolumeSnapshot> wanted, string words)
    {
        var reason = $"{operation.Actor} agreed to go without, in the words \"{words}\"";
        snapshots.Put([.. wanted.Select(s => s with { State = SnapshotState.Gone, Reason = reason })]);
        course.Record(course.Reached, StepOutcome.Done, $"no snapshot of {DataPlan.NamesOf(wanted)}: {reason}");
        return null;
    }

    /// <param name="isPatient">Whether it is the way back, for which it is waited however long it takes.</param>
    /// <returns>Null: nobody uses them. Otherwise who does.</returns>
    private async Task<string?> StandStillAsync(
        IReadOnlyList<VolumeSnapshot> volumes,
        bool isPatient,
        CancellationToken ct
    )
    {
        // Without a release from before nothing may be removed yet; on the way back it is to be.
        if (course.HasOrigin || isPatient)
            supervisor.Run(Standing(volumes.Select(v => v.Volume)) with { IsReturn = isPatient });
        var began = clock.GetTimestamp();
        while (true)
        {
            if (course.HasOrigin || isPatient)
            {
                if (await gate.StillAsync(course.From, ct) is { } late)
                {
                    if (!isPatient)
                        return late;
                    Tell($"waiting to put the data back: {late}");
                    continue;
                }
            }
            try
            {
                var users = await plans.UsersOfAsync(volumes, ct);
                if (users.FirstOrDefault(u => u.IsUp) is { } user)
                {
                    if (!isPatient)
                        return $"{user.Name} uses {DataPlan.NamesOf(volumes)}, and is not the agent's to stop";
                    if (!user.IsOf(course.From) || IsLate())
                        Tell($"waiting to put the data back: {user.Name} uses {DataPlan.NamesOf(volumes)}");
                }
                // Its start may be under way still, begun by an agent that was killed since: it is over once it is removed.
                else if (isPatient && users.FirstOrDefault(IsLeaving) is { } last)
                {
                    if (IsLate())
                        Tell($"waiting to put the data back: {last.Name}, which mounts it, is not removed yet");
                }
                else
                {
                    return null;
                }
            }
            catch (Exception e) when (e is EngineUnavailableException or DockerEngineException) { }
            await Task.Delay(BetweenLooks, clock, ct);
        }

        bool IsLate() => clock.GetElapsedTime(began) >= AfterTrouble;
    }

    private RunningRelease Standing(IEnumerable<string> volumes) =>
        new(course.From)
        {
            Still = volumes.ToHashSet(),
            IsClosed = course.IsClosed,
            IsUnknown = course.IsOriginUnknown,
        };

    /// <summary>Whether it is ours, and of a service that the release before does not have: it is removed.</summary>
    private bool IsLeaving(VolumeUser user) =>
        user.ServiceOf(operation.Product) is { } service
        && course.From.Model.EnabledServices([]).All(s => s.Name != service);

    /// <summary>Once for each change: it is found again with each look.</summary>
    private void Tell(string waiting)
    {
        if (told == waiting)
            return;
        told = waiting;
        course.Record(Phase.RollingBack, StepOutcome.Failed, waiting);
        events.Append(
            new(EventSeverity.Warning, "update.waiting", null, null, $"{operation.Name}: {waiting}", "looks again")
        );
    }

    private async Task KeepAsync(IReadOnlyList<VolumeSnapshot> volumes, CancellationToken ct)
    {
        var taken = DateTimeOffset.FromUnixTimeSeconds(clock.GetUtcNow().ToUnixTimeSeconds());
        var made =
            operation.Kind is OperationKind.Rollback ? BringBack(volumes, taken) : await CopyAsync(volumes, taken, ct);
        // What the one-shots of the target did to the data, in a try that was taken back, is not in it any more.
        if (operation.Kind is not OperationKind.Rollback)
            supervisor.ForgetCompletions(course.To.Release, except: course.From);
        course.HasSnapshot(made, Report(made));
    }

    private static async Task<List<VolumeSnapshot>> CopyAsync(
        IReadOnlyList<VolumeSnapshot> volumes,
        DateTimeOffset taken,
        CancellationToken ct
    )
    {
        // Of a try before this one, or of an agent that lost its state.
        foreach (var folder in volumes.Select(v => v.Folder).Distinct())
        {
            await VolumeFiles.RemoveAsync(folder, ct);
            VolumeFiles.Make(folder);
        }
        try
        {
            await VolumeFiles.CopyAsync([.. volumes.Select(v => (v.Live, v.Kept))], ct);
            var sizes = await VolumeFiles.SizesAsync([.. volumes.Select(v => v.Kept)], isInUse: false, ct);
            return
            [
                .. volumes.Zip(
                    sizes,
                    (v, bytes) => v with { State = SnapshotState.Made, Bytes = bytes, TakenAt = taken }
                ),
            ];
        }
        catch (IOException)
        {
            // A part of a copy is good for nothing, and what comes back needs the room.
            foreach (var folder in volumes.Select(v => v.Folder).Distinct())
                await VolumeFiles.RemoveAsync(folder, ct);
            throw;
        }
    }

    /// <summary>What there is now is kept by being moved away: what was kept of the release before takes its place.</summary>
    private List<VolumeSnapshot> BringBack(IReadOnlyList<VolumeSnapshot> volumes, DateTimeOffset taken)
    {
        if (volumes.FirstOrDefault(v => !VolumeFiles.CanExchange(v.Live, SourceOf(v).Kept, v.Kept)) is { } lost)
            throw new IOException($"the snapshot of {lost.Volume} is gone");
        foreach (var volume in volumes)
            VolumeFiles.Exchange(volume.Live, SourceOf(volume).Kept, volume.Kept);
        return [.. volumes.Select(v => v with { State = SnapshotState.Made, TakenAt = taken })];
    }

    private bool CanPutBack(VolumeSnapshot kept) =>
        IsUntouched(kept) ? Directory.Exists(kept.Live) : VolumeFiles.CanExchange(kept.Live, kept.Kept, AsideOf(kept));

    private void PutBack(VolumeSnapshot kept)
    {
        if (!IsUntouched(kept))
            VolumeFiles.Exchange(kept.Live, kept.Kept, AsideOf(kept));
    }

    /// <summary>Whether a rollback has not come to exchange it, or it was put back already.</summary>
    private static bool IsUntouched(VolumeSnapshot kept) => IsWanted(kept) && !Directory.Exists(kept.Kept);

    private string AsideOf(VolumeSnapshot kept) =>
        operation.Kind is OperationKind.Rollback ? SourceOf(kept).Kept : kept.Abandoned;

    private VolumeSnapshot SourceOf(VolumeSnapshot kept) =>
        snapshots.Of(journal.LatestCommitted!.Id).Single(s => s.Volume == kept.Volume);

    /// <summary>Old software on data that it does not know may spoil it: a person has to decide.</summary>
    /// <param name="kept">All that belongs together: none of it is put back.</param>
    private string Lose(IReadOnlyList<VolumeSnapshot> kept, List<VolumeSnapshot> lost)
    {
        var why = $"the snapshot of {DataPlan.NamesOf(lost)} is gone, so the data could not be put back";
        KeepStopped(kept.Select(k => k.Volume).ToHashSet(), why);
        // Of a release that cannot be read nothing could be kept stopped: what is owed to it keeps it from being started.
        if (course.HasOrigin)
            snapshots.Put([.. lost.Select(l => l with { State = SnapshotState.Gone, Reason = why })]);
        return why;
    }

    private string LoseAll()
    {
        const string why = "it is not known any more where the data was kept, so it could not be put back";
        KeepStopped(
            course.From.Model.Volumes.Keys.Select(v => ContainerRecipe.VolumeName(course.From.Product, v)).ToHashSet(),
            why
        );
        return why;
    }

    private void KeepStopped(HashSet<string> volumes, string why)
    {
        supervisor.Run(Standing(volumes) with { IsReturn = true });
        foreach (var service in course.From.Model.Services.Values)
        {
            if (
                service
                    .Mounts.OfType<VolumeMount>()
                    .Any(m => volumes.Contains(ContainerRecipe.VolumeName(course.From.Product, m.Volume)))
            )
                supervisor.Stop(service.Name, operation.Name, why);
        }
    }

    private string Report(List<VolumeSnapshot> made) =>
        operation.Kind is OperationKind.Rollback
            ? $"{DataPlan.NamesOf(made)} {(made.Count == 1 ? "holds" : "hold")} again what was there before; what was abandoned is kept"
            : $"kept what {DataPlan.NamesOf(made)} {(made.Count == 1 ? "holds" : "hold")}: {made.Sum(m => m.Bytes)} bytes, "
                + (made.All(m => m.SharesBlocks) ? "sharing their blocks" : "copied");

    private static bool IsGone(VolumeSnapshot snapshot) => snapshot.State is SnapshotState.Gone;

    private static bool IsWanted(VolumeSnapshot snapshot) => snapshot.State is SnapshotState.Wanted;
}
