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
    EventLog events,
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
    /// The way back of an operation of whose releases one cannot be read any more, or neither: data that it has changed must
    /// not be left to the release before.
    /// </summary>
    public async Task<UpdateRun> OpenWayBackAsync(Operation operation, string why, CancellationToken ct)
    {
        var from = operation.FromDigest is { } digest ? await UnlessUnreadableAsync(digest, ct) : null;
        var to = await UnlessUnreadableAsync(operation.ToDigest, ct);
        if (operation.Phase is not Phase.RollingBack)
            journal.TurnBack(operation.Id, $"going back to {operation.FromVersion}", why, "");
        return Of(
            journal.Find(operation.Id)!,
            from?.Release ?? Nothing(operation.Product),
            to ?? new OpenedRelease(from?.Content ?? Unread(operation), Nothing(operation.Product))
        );
    }

    private async Task<OpenedRelease?> UnlessUnreadableAsync(string digest, CancellationToken ct)
    {
        try
        {
            return journal.Release(digest) is { } known ? await releases.OpenAsync(known, ct) : null;
        }
        catch (Exception e) when (e is RefusedException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>What the way back has no use for.</summary>
    private ReleaseContent Unread(Operation operation)
    {
        var descriptor = ReleaseDescriptor.Parse(journal.Release(operation.ToDigest)!.Descriptor);
        return new ReleaseContent(
            descriptor,
            new ReleaseDocument(descriptor.Product, descriptor.Version, null, Allowances.None),
            [],
            [],
            []
        );
    }

    private UpdateRun Of(Operation operation, Release from, OpenedRelease to)
    {
        var course = new Course(operation, from, to, journal, snapshots, supervisor, log);
        var safekeeping = new Safekeeping(course, journal, snapshots, plans, supervisor, gate, rollout, events, clock);
        return new UpdateRun(
            course,
            new Preparation(course, journal, preflight, safekeeping, images, gate, boot, progress),
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
        // On the data as it is it may not run, not even until the next one does.
        if (operation.Phase is not Phase.Committed && plans.Unreturned is { } problem)
        {
            log.InstalledUnreadable(operation.Name, problem);
            return Nothing(operation.Product);
        }
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
