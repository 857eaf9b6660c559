using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>Looks what an operation would do to data, and whether that can be kept.</summary>
internal sealed class DataPlans(UpdateJournal journal, SnapshotTable snapshots, DockerEngine engine, TimeProvider clock)
{
    /// <exception cref="EngineUnavailableException">The engine does not answer.</exception>
    /// <exception cref="DockerEngineException">It refuses to say.</exception>
    public async Task<DataPlan> OfUpgradeAsync(string fromVersion, Release to, CancellationToken ct)
    {
        var changes = VolumeChange
            .Between(SemanticVersion.TryParse(fromVersion), to)
            .Where(c => c.Change is not DataChange.None)
            .ToList();
        if (changes.Count == 0)
            return DataPlan.Untouched;
        var there = (await engine.Volumes.ListAsync(new VolumeQuery(), ct)).ToDictionary(v => v.Name);
        var (present, kept) = (new List<VolumeChange>(), new List<VolumeSnapshot>());
        string? problem = null;
        foreach (var change in changes)
        {
            if (!there.TryGetValue(change.Volume, out var volume))
                continue;
            present.Add(change);
            if (change.Change is not DataChange.Breaking)
                continue;
            if (volume.Options.Count > 0)
                problem = $"the volume {volume.Name} was made with options of its driver, and cannot be kept";
            kept.Add(new(0, volume.Name, volume.Mountpoint, "", SnapshotState.Wanted, 0, false, clock.GetUtcNow(), ""));
        }
        return problem is not null || kept.Count == 0
            ? new DataPlan(present, kept, 0) { Problem = problem }
            : await MeasureAsync(to.Product, present, kept, ct);
    }

    /// <summary>A rollback brings back what was kept when the release that is installed was come to.</summary>
    public DataPlan OfRollback()
    {
        var kept = journal.LatestCommitted is { } latest ? snapshots.Of(latest.Id) : [];
        var gone = kept.FirstOrDefault(s => s.State is not SnapshotState.Made);
        return new DataPlan([.. kept.Select(s => new VolumeChange(s.Volume, s.Volume, DataChange.Breaking))], kept, 0)
        {
            Problem = gone is null
                ? null
                : $"the release before cannot use what the volume {gone.Volume} holds now, and there is no snapshot of what it held: {gone.Reason}",
            LosesSince = kept.Count == 0 ? null : DataPlan.InWords(kept.Min(s => s.TakenAt)),
        };
    }

    /// <summary>Whether an operation keeps data, to put it back if it has to.</summary>
    public bool IsChanging(Operation operation) =>
        snapshots.Of(operation.Id).Any(s => s.State is SnapshotState.Made or SnapshotState.Wanted);

    /// <summary>Containers that use any of them now.</summary>
    /// <exception cref="EngineUnavailableException">The engine does not answer.</exception>
    /// <exception cref="DockerEngineException">It refuses to say.</exception>
    public async Task<IReadOnlyList<string>> UsersOfAsync(IEnumerable<VolumeSnapshot> volumes, CancellationToken ct)
    {
        var names = volumes.Select(v => v.Volume).ToHashSet();
        var running = await engine.Containers.ListAsync(new ContainerQuery(), ct);
        return
        [
            .. running
                .Where(c => c.Mounts.Any(m => m is { Type: MountType.Volume, Name: { } name } && names.Contains(name)))
                .Select(c => c.Name),
        ];
    }

    private static async Task<DataPlan> MeasureAsync(
        string product,
        List<VolumeChange> present,
        List<VolumeSnapshot> kept,
        CancellationToken ct
    )
    {
        try
        {
            var measured = new List<VolumeSnapshot>();
            foreach (var shelf in kept.GroupBy(v => VolumeFiles.ShelfOf(v.Live, product)))
            {
                string[] live = [.. shelf.Select(v => v.Live)];
                var shares = await VolumeFiles.ProbeAsync(shelf.Key, live, ct);
                var sizes = await VolumeFiles.SizesAsync(live, ct);
                measured.AddRange(shelf.Zip(sizes, (v, bytes) => v with { Bytes = bytes, SharesBlocks = shares }));
            }
            return new DataPlan(present, measured, measured.Where(v => !v.SharesBlocks).Sum(v => v.Bytes));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new DataPlan(present, kept, 0)
            {
                Problem = $"what {DataPlan.NamesOf(kept)} holds cannot be kept: {e.Message}",
            };
        }
    }
}
