using Appliance.Agent.Content;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>Opens what an operation goes from and to.</summary>
internal sealed class UpdateRuns(
    KnownReleases releases,
    UpdateJournal journal,
    ISupervisor supervisor,
    Preflight preflight,
    AgentTakeover takeover,
    ImageLoader images,
    Gate gate,
    TrafficWatch traffic,
    Trial trial,
    Rollout rollout,
    Evidence evidence,
    SnapshotTable snapshots,
    DataPlans plans,
    TimeProvider clock,
    MachineBoot boot,
    OperationProgress progress,
    ILogger<UpdateRun> log
)
{
    /// <exception cref="IOException">Something of the target is not stored any more.</exception>
    /// <exception cref="RefusedException">The target is not fit for this appliance any more.</exception>
    public async Task<UpdateRun> OpenAsync(Operation operation, CancellationToken ct)
    {
        var from = await FromAsync(operation, ct);
        var to = await releases.OpenAsync(journal.Release(operation.ToDigest)!, ct);
        return Of(operation, from, to);
    }

    /// <summary>
    /// The way back of an operation whose target cannot be read any more: data that it has changed must not be left to the
    /// release before.
    /// </summary>
    /// <exception cref="IOException">Something of the release before is not stored any more either.</exception>
    /// <exception cref="RefusedException">That is not fit for this appliance any more either.</exception>
    public async Task<UpdateRun> OpenWayBackAsync(Operation operation, string why, CancellationToken ct)
    {
        var from = await releases.OpenAsync(journal.Release(operation.FromDigest!)!, ct);
        if (operation.Phase is not Phase.RollingBack)
            journal.TurnBack(operation.Id, $"going back to {operation.FromVersion}", why, "");
        return Of(
            journal.Find(operation.Id)!,
            from.Release,
            new OpenedRelease(from.Content, Nothing(operation.Product))
        );
    }

    private UpdateRun Of(Operation operation, Release from, OpenedRelease to)
    {
        var course = new Course(operation, from, to, journal, snapshots, supervisor, log);
        var safekeeping = new Safekeeping(course, journal, snapshots, plans, supervisor, gate, rollout, clock);
        return new UpdateRun(
            course,
            new Preparation(course, journal, supervisor, preflight, safekeeping, images, gate, boot, progress),
            takeover,
            safekeeping,
            new Switching(course, journal, supervisor, gate, trial, rollout, progress),
            new WayBack(course, journal, supervisor, gate, safekeeping, traffic, evidence, progress, log),
            evidence,
            journal,
            supervisor,
            gate,
            traffic
        );
    }

    // A release that cannot be read any more must not stand in the way of one that can.
    private async Task<Release> FromAsync(Operation operation, CancellationToken ct)
    {
        if (operation.FromDigest is not { } digest)
            return Nothing(operation.Product);
        try
        {
            return (await releases.OpenAsync(journal.Release(digest)!, ct)).Release;
        }
        catch (Exception e)
            when (IsNeededNoMore(operation) && e is RefusedException or IOException or UnauthorizedAccessException)
        {
            log.InstalledUnreadable(operation.Name, e.Message);
            return Nothing(operation.Product);
        }
    }

    private bool IsNeededNoMore(Operation operation) =>
        operation is { Phase: Phase.Committed }
        || (
            operation.Phase < Phase.Snapshotting
            // Data comes back only once what uses it was stopped, which is for the release that runs.
            && (operation.Kind is not OperationKind.Rollback || plans.OfRollback().Snapshots.Count == 0)
        );

    /// <summary>Before the first release: a product without services.</summary>
    private static Release Nothing(string product) =>
        new(
            "",
            "",
            new ComposeModel
            {
                Name = product,
                Services = new Dictionary<string, ComposeService>(),
                Networks = new Dictionary<string, ComposeNetwork>(),
                Volumes = new Dictionary<string, ComposeVolume>(),
                Secrets = new Dictionary<string, ComposeFile>(),
                Configs = new Dictionary<string, ComposeFile>(),
            },
            "",
            new Dictionary<string, ReleaseImage>()
        );
}
