using Appliance.Agent.Storage;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>Gives back the space of snapshots that nothing brings back any more.</summary>
internal sealed class OldSnapshots(
    UpdateJournal journal,
    SnapshotTable snapshots,
    DataPlans plans,
    IOptionsMonitor<UpdatesOptions> options,
    TimeProvider clock
)
{
    /// <summary>
    /// What was kept when the installed release was come to stays for a rollback, for its time; what an operation under way
    /// has stays until its end.
    /// </summary>
    public async Task RemoveAsync(CancellationToken ct)
    {
        var (running, latest) = (journal.Running, journal.LatestCommitted?.Id);
        foreach (var kept in snapshots.All.GroupBy(s => s.Operation).Where(k => k.Key != running?.Id))
        {
            if (kept.Any(plans.IsToStay))
                continue;
            var retention = options.CurrentValue.SnapshotRetention;
            // A rollback brings it back, and needs its place on the way back.
            var isPast =
                running is not { Kind: OperationKind.Rollback }
                && kept.All(s => s.TakenAt + retention < clock.GetUtcNow());
            if (kept.Key == latest && !isPast)
                continue;
            // First: what is there in part only must not be brought back.
            if (kept.Key == latest && kept.Any(s => s.State is not SnapshotState.Gone))
                snapshots.Put([.. kept.Select(s => Gone(s, retention))]);
            foreach (var folder in kept.Select(s => s.Folder).Distinct())
                await VolumeFiles.RemoveAsync(folder, ct);
            if (kept.Key != latest)
                snapshots.Forget(kept.Key);
        }
    }

    private static VolumeSnapshot Gone(VolumeSnapshot snapshot, TimeSpan retention) =>
        snapshot.State is SnapshotState.Gone
            ? snapshot
            : snapshot with
            {
                State = SnapshotState.Gone,
                Reason =
                    $"it was of {DataPlan.InWords(snapshot.TakenAt)}, and one is kept for {retention.TotalDays:0.##} days (updates.snapshot-retention)",
            };
}
