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
    TimeProvider clock
)
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    private readonly Operation operation = course.Operation;

    /// <summary>Before anything is touched.</summary>
    /// <returns>What is to be kept, and what that takes.</returns>
    /// <exception cref="RefusedException">It cannot be kept, and nobody has agreed to that.</exception>
    /// <exception cref="EngineUnavailableException">The engine does not answer.</exception>
    public async Task<DataPlan> CheckAsync(CancellationToken ct)
    {
        if (operation.Kind is OperationKind.Rollback)
        {
            var back = plans.OfRollback();
            return back.Problem is { } gone ? throw new RefusedException(gone) : back;
        }
        var plan = await plans.OfUpgradeAsync(operation.FromVersion, course.To.Release, ct);
        if (plan.Snapshots.Count == 0 || operation.WithoutSnapshot is not null)
            return plan with { BytesToCopy = 0, Problem = null };
        if (plan.Problem is { } problem)
            throw new RefusedException($"{problem}; {Words}");
        // What runs without a release that is known cannot be stopped in order, nor started again.
        if (!course.HasOrigin && await plans.UsersOfAsync(plan.Snapshots, ct) is [var user, ..])
            throw new RefusedException(
                $"{user} uses {DataPlan.NamesOf(plan.Snapshots)}, which cannot be kept therefore: stop it; {Words}"
            );
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

    /// <summary>Puts back what was kept, if anything was.</summary>
    /// <returns>Null: all is as it was. Otherwise why it cannot be; what uses it is stopped then.</returns>
    public async Task<string?> PutBackAsync(CancellationToken ct)
    {
        var kept = snapshots
            .Of(operation.Id)
            .Where(s => s.State is SnapshotState.Made or SnapshotState.Wanted)
            .ToList();
        // Nothing is changed before all is kept; but a rollback keeps by putting something else in its place.
        if (kept.Count == 0 || (operation.Kind is not OperationKind.Rollback && kept.Any(IsWanted)))
            return null;
        await StandStillAsync(kept, isPatient: true, ct);
        while (true)
        {
            try
            {
                if (kept.Where(s => !PutBack(s)).ToList() is { Count: > 0 } lost)
                    return Lose(lost);
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
                course.Record(Phase.RollingBack, StepOutcome.Failed, $"waiting to put the data back: {e.Message}");
                await Task.Delay(AfterTrouble, clock, ct);
            }
        }
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

    /// <param name="isPatient">Whether it is waited for however long it takes.</param>
    /// <returns>Null: nobody uses them. Otherwise who does.</returns>
    private async Task<string?> StandStillAsync(
        IReadOnlyList<VolumeSnapshot> volumes,
        bool isPatient,
        CancellationToken ct
    )
    {
        // Without a release from before nothing may be removed yet; on the way back it is to be.
        if (course.HasOrigin || isPatient)
            supervisor.Run(
                new RunningRelease(course.From)
                {
                    Still = volumes.Select(v => v.Volume).ToHashSet(),
                    IsClosed = course.IsClosed,
                    IsReturn = isPatient,
                }
            );
        while (true)
        {
            if (course.HasOrigin || isPatient)
            {
                if (await gate.StillAsync(course.From, isPatient, ct) is { } late)
                    return late;
            }
            try
            {
                if (await plans.UsersOfAsync(volumes, ct) is not [var user, ..])
                    return null;
                if (!isPatient)
                    return $"{user} uses {DataPlan.NamesOf(volumes)}, and is not the agent's to stop";
            }
            catch (Exception e) when (e is EngineUnavailableException or DockerEngineException) { }
            await Task.Delay(AfterTrouble, clock, ct);
        }
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
            var sizes = await VolumeFiles.SizesAsync([.. volumes.Select(v => v.Kept)], ct);
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
        foreach (var volume in volumes)
        {
            VolumeFiles.Make(volume.Folder);
            if (!VolumeFiles.Exchange(volume.Live, SourceOf(volume).Kept, volume.Kept))
                throw new IOException($"the snapshot of {volume.Volume} is gone");
        }
        return [.. volumes.Select(v => v with { State = SnapshotState.Made, TakenAt = taken })];
    }

    private bool PutBack(VolumeSnapshot kept) =>
        VolumeFiles.Exchange(
            kept.Live,
            kept.Kept,
            operation.Kind is OperationKind.Rollback ? SourceOf(kept).Kept : kept.Abandoned
        );

    private VolumeSnapshot SourceOf(VolumeSnapshot kept) =>
        snapshots.Of(journal.LatestCommitted!.Id).Single(s => s.Volume == kept.Volume);

    /// <summary>Old software on data that it does not know may spoil it: a person has to decide.</summary>
    private string Lose(List<VolumeSnapshot> lost)
    {
        var why = $"the snapshot of {DataPlan.NamesOf(lost)} is gone, so the data could not be put back";
        var volumes = lost.Select(l => l.Volume).ToHashSet();
        foreach (var service in course.From.Model.Services.Values)
        {
            if (
                service
                    .Mounts.OfType<VolumeMount>()
                    .Any(m => volumes.Contains(ContainerRecipe.VolumeName(course.From.Product, m.Volume)))
            )
                supervisor.Stop(service.Name, operation.Name, why);
        }
        return why;
    }

    private string Report(List<VolumeSnapshot> made) =>
        operation.Kind is OperationKind.Rollback
            ? $"{DataPlan.NamesOf(made)} {(made.Count == 1 ? "holds" : "hold")} again what was there before; what was abandoned is kept"
            : $"kept what {DataPlan.NamesOf(made)} {(made.Count == 1 ? "holds" : "hold")}: {made.Sum(m => m.Bytes)} bytes, "
                + (made.All(m => m.SharesBlocks) ? "sharing their blocks" : "copied");

    private static bool IsWanted(VolumeSnapshot snapshot) => snapshot.State is SnapshotState.Wanted;
}
