using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>What an operation would do, before anybody agrees to it.</summary>
/// <param name="Space">Null: the engine does not answer.</param>
internal sealed record Plan(
    OperationKind Kind,
    string Product,
    string FromVersion,
    string ToVersion,
    IReadOnlyList<ServiceDifference> Services,
    long BytesToMove,
    long BytesToStore,
    Space? Space
)
{
    /// <summary>What it does to data.</summary>
    public DataPlan Data { get; init; } = DataPlan.Untouched;
}

internal sealed class Plans(UpdateJournal journal, KnownReleases releases, Preflight preflight, DataPlans data)
{
    /// <exception cref="IOException">The installed release is not stored any more.</exception>
    public async Task<Plan> OfUpgradeAsync(Staged staged, CancellationToken ct) =>
        await OfAsync(
            journal.Current is null ? OperationKind.Install : OperationKind.Upgrade,
            new OpenedRelease(staged.Content, staged.Release),
            ct
        ) with
        {
            BytesToMove = staged.Moved,
            BytesToStore = staged.Stored,
        };

    /// <exception cref="IOException">A release is not stored any more.</exception>
    /// <exception cref="RefusedException">It is not fit for this appliance any more.</exception>
    public async Task<Plan> OfRollbackAsync(KnownRelease target, CancellationToken ct) =>
        await OfAsync(OperationKind.Rollback, await releases.OpenAsync(target, ct), ct);

    private async Task<Plan> OfAsync(OperationKind kind, OpenedRelease target, CancellationToken ct)
    {
        var current = await CurrentAsync(ct);
        return new Plan(
            kind,
            target.Release.Product,
            current?.Version ?? "",
            target.Release.Version,
            ReleaseDifference.Between(current, target.Release),
            0,
            0,
            await SpaceAsync(target.Content, ct)
        )
        {
            Data = await DataAsync(kind, target.Release, ct),
        };
    }

    private async Task<DataPlan> DataAsync(OperationKind kind, Release target, CancellationToken ct)
    {
        if (kind is OperationKind.Rollback)
            return data.OfRollback();
        var from = journal.Current is { } known ? ReleaseDescriptor.Parse(known.Descriptor).Version.Text : "";
        try
        {
            return await data.OfUpgradeAsync(from, target, ct);
        }
        catch (Exception e) when (e is DockerEngineException or EngineUnavailableException)
        {
            return DataPlan.Untouched with { Problem = $"it is not known what the volumes hold: {e.Message}" };
        }
    }

    // One that cannot be read any more is replaced as a whole.
    private async Task<Release?> CurrentAsync(CancellationToken ct)
    {
        try
        {
            return journal.Current is { } known ? (await releases.OpenAsync(known, ct)).Release : null;
        }
        catch (Exception e) when (e is RefusedException or IOException)
        {
            return null;
        }
    }

    private async Task<Space?> SpaceAsync(ReleaseContent release, CancellationToken ct)
    {
        try
        {
            return await preflight.SpaceAsync(release, ct);
        }
        catch (Exception e) when (e is DockerEngineException or EngineUnavailableException)
        {
            return null;
        }
    }
}
