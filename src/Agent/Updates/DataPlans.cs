using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>A container that mounts a volume.</summary>
internal sealed record VolumeUser(string Name, bool IsUp, IReadOnlyDictionary<string, string> Labels)
{
    private string? Owner => Labels.GetValueOrDefault(Supervision.Labels.Project);

    /// <summary>The service of a release that it was made for; null: it was not made for any of that product.</summary>
    public string? ServiceOf(string product) =>
        Owner == product ? Labels.GetValueOrDefault(Supervision.Labels.Service) : null;

    /// <summary>Whether it is the agent's to stop: made for the product, or in the place of what is.</summary>
    public bool IsOf(Release release) =>
        ServiceOf(release.Product) is not null
        || Owner is null
            && !Labels.ContainsKey(Supervision.Labels.ComposeProject)
            && release.Model.Services.Keys.Any(s =>
                Name.StartsWith($"{release.Product}-{s}-", StringComparison.Ordinal)
            );
}

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
        var latest = journal.LatestCommitted;
        var kept = latest is null ? [] : snapshots.Of(latest.Id);
        return new DataPlan([.. kept.Select(s => new VolumeChange(s.Volume, s.Volume, DataChange.Breaking))], kept, 0)
        {
            Problem = ProblemOfRollback(latest, kept),
            LosesSince = kept.Count == 0 ? null : DataPlan.InWords(kept.Min(s => s.TakenAt)),
        };
    }

    /// <summary>
    /// Why the installed release may not be started: data that an operation has changed was not put back. Null: it may.
    /// Once another operation has committed, it is its release that runs, on the data as it is.
    /// </summary>
    public string? Unreturned
    {
        get
        {
            // Where the journal was lost nobody can tell, and what runs is not stopped for that.
            if (journal.LatestCommitted is not { } latest)
                return null;
            var running = journal.Running?.Id;
            return snapshots
                .All.Where(s => s.Operation > latest.Id && s.Operation != running)
                .GroupBy(s => s.Operation)
                // Of one that is known to be gone a person was told, and what uses it is kept stopped.
                .Where(k => k.Any(IsOwed) && k.All(s => s.State is not SnapshotState.Gone))
                .Select(k => $"op-{k.Key} has changed what {DataPlan.NamesOf(k)} holds, and it could not be put back")
                .FirstOrDefault();
        }
    }

    /// <summary>
    /// Whether a snapshot, or what was put aside for it, is all that there is of what the installed release's data was: its
    /// operation has ended without a commit, and it was not put back.
    /// </summary>
    public bool IsToStay(VolumeSnapshot snapshot) =>
        snapshot.Operation > (journal.LatestCommitted?.Id ?? 0)
        && (
            IsOwed(snapshot)
            || snapshot.State is SnapshotState.Gone && journal.Find(snapshot.Operation) is { WithoutSnapshot: null }
        );

    private bool IsOwed(VolumeSnapshot snapshot) =>
        snapshot.State is SnapshotState.Made
        // Nothing is changed before all is kept; but a rollback keeps by putting something else in its place.
        || snapshot.State is SnapshotState.Wanted
            && journal.Find(snapshot.Operation) is null or { Kind: OperationKind.Rollback };

    /// <summary>Whether an operation keeps data, to put it back if it has to.</summary>
    public bool IsChanging(Operation operation) =>
        snapshots.Of(operation.Id).Any(s => s.State is SnapshotState.Made or SnapshotState.Wanted)
        || HasLostRows(operation);

    /// <summary>Whether data may have been changed of which the rows are lost that say where it is kept.</summary>
    public bool HasLostRows(Operation operation)
    {
        var changes = operation.Kind is OperationKind.Rollback ? Phase.Snapshotting : Phase.Snapshotted;
        return snapshots.Of(operation.Id).Count == 0 && journal.Steps(operation.Id).Any(s => s.Phase == changes);
    }

    /// <summary>Containers that mount any of them, running or not.</summary>
    /// <exception cref="EngineUnavailableException">The engine does not answer.</exception>
    /// <exception cref="DockerEngineException">It refuses to say.</exception>
    public async Task<IReadOnlyList<VolumeUser>> UsersOfAsync(IEnumerable<VolumeSnapshot> volumes, CancellationToken ct)
    {
        var names = volumes.Select(v => v.Volume).ToHashSet();
        var all = await engine.Containers.ListAsync(new ContainerQuery { All = true }, ct);
        var users = new List<VolumeUser>();
        foreach (
            var c in all.Where(c =>
                c.Mounts.Any(m => m is { Type: MountType.Volume, Name: { } name } && names.Contains(name))
            )
        )
        {
            // A list does not wait for a start that is under way, and an inspection does.
            if ((IsUp(c.State) ? true : await IsUpAsync(c.Id, ct)) is { } isUp)
                users.Add(new VolumeUser(c.Name, isUp, c.Labels));
        }
        return users;
    }

    /// <summary>Who uses volumes, and is not the agent's to stop; null: nobody.</summary>
    /// <param name="from">What runs, and can be stopped in order and started again; null: that is not known.</param>
    /// <exception cref="EngineUnavailableException">The engine does not answer.</exception>
    /// <exception cref="DockerEngineException">It refuses to say.</exception>
    public async Task<string?> StrangerAsync(
        IReadOnlyList<VolumeSnapshot> volumes,
        Release? from,
        CancellationToken ct
    ) =>
        volumes.Count == 0
            ? null
            : (await UsersOfAsync(volumes, ct))
                .FirstOrDefault(u => u.IsUp && !(from is not null && u.IsOf(from)))
                ?.Name;

    /// <summary>Why what nobody may stop keeps volumes from being kept; null: nothing does.</summary>
    /// <inheritdoc cref="StrangerAsync"/>
    public async Task<string?> ProblemOfUsersAsync(
        IReadOnlyList<VolumeSnapshot> volumes,
        Release? from,
        CancellationToken ct
    ) =>
        await StrangerAsync(volumes, from, ct) is { } user
            ? $"{user} uses {DataPlan.NamesOf(volumes)}, which cannot be kept therefore: stop it"
            : null;

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
                var sizes = await VolumeFiles.SizesAsync(live, isInUse: true, ct);
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

    private string? ProblemOfRollback(Operation? latest, IReadOnlyList<VolumeSnapshot> kept)
    {
        if (journal.Previous is not null && (latest is null || !journal.KnowsAll))
            return "part of the state file was lost, so nobody can tell whether the release before can use the data as it is now";
        if (kept.FirstOrDefault(s => s.State is not SnapshotState.Made) is { } gone)
            return $"{Without(gone)}: {gone.Reason}";
        if (kept.FirstOrDefault(s => !Directory.Exists(s.Kept)) is { } missing)
            return $"{Without(missing)}: {missing.Kept} is not there any more";
        return null;
    }

    private static string Without(VolumeSnapshot snapshot) =>
        $"the release before cannot use what the volume {snapshot.Volume} holds now, and there is no snapshot of what it held";

    private static bool IsUp(ContainerStatus status) =>
        status is ContainerStatus.Running or ContainerStatus.Paused or ContainerStatus.Restarting;

    /// <returns>Null: it is gone.</returns>
    private async Task<bool?> IsUpAsync(string id, CancellationToken ct)
    {
        try
        {
            return IsUp((await engine.Containers.InspectAsync(id, ct)).State.Status);
        }
        catch (EngineNotFoundException)
        {
            return null;
        }
    }
}
