using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>Takes bundles in, one at a time and while nothing else is being done: the last one waits to be installed.</summary>
internal sealed class Intake(
    UpdateJournal journal,
    Staging staging,
    KnownReleases releases,
    InstalledRelease installed,
    HeldRelease held,
    AgentTakeover takeover,
    Pruning pruning,
    Occupancy occupancy,
    UpdateQueue queue,
    ISupervisor supervisor,
    EventLog events,
    ILogger<Intake> log
)
{
    /// <summary>Takes a bundle in, in place of one that waits. What is refused, or breaks off, leaves nothing behind.</summary>
    /// <exception cref="UpdatesBusyException">Something else is being done.</exception>
    /// <exception cref="RefusedException">It is not what it must be, or not what may be installed here.</exception>
    /// <exception cref="ContentFullException">There is no room for it.</exception>
    /// <exception cref="IOException">It cannot be read, or stored.</exception>
    public async Task<Staged> StageAsync(Stream bundle, bool acceptExpired, string actor, CancellationToken ct)
    {
        await occupancy.EnterAsync($"{actor} is sending a bundle", ct);
        try
        {
            return await TakeInAsync(bundle, acceptExpired, actor, ct);
        }
        catch (RefusedException e)
        {
            log.BundleRefused(e.Message);
            Tell(EventSeverity.Warning, "bundle.refused", $"{actor} sent a bundle: {e.Message}", "changed nothing");
            throw;
        }
        finally
        {
            try
            {
                // Of the one before, and of what broke off; also when the caller has gone away.
                await pruning.ContentAsync(held.Current?.Content, CancellationToken.None);
            }
            finally
            {
                occupancy.Leave();
                if (takeover.IsRefused)
                    queue.GiveBackSpace();
            }
        }
    }

    private async Task<Staged> TakeInAsync(Stream bundle, bool acceptExpired, string actor, CancellationToken ct)
    {
        var dropped = held.Drop();
        var isRepair =
            journal.Current is { } current
            && (
                supervisor.View.ReleaseProblem is not null
                || takeover.IsRefused
                || !await releases.IsWholeAsync(current, ct)
            );
        var taken = await staging.TakeInAsync(bundle, acceptExpired, isRepair, MakeRoomAsync, ct);
        if (taken.Known.Digest == journal.Current?.Digest)
        {
            await installed.RunAsync(ct);
            takeover.TryAgain();
            throw new RefusedException($"{taken.Name} is installed already; what was damaged of it was put right");
        }
        held.Hold(taken, expired: queue.GiveBackSpace);
        var accepted = acceptExpired ? "; expired signatures are accepted" : "";
        Tell(EventSeverity.Info, "bundle.staged", $"{actor} sent {taken.Name}{accepted}", "verified and stored it");
        return taken;

        // What waited before may take the room that this one needs; of the same release all is used again.
        Task MakeRoomAsync(ReleaseDescriptor verified) =>
            dropped is null || dropped.Known.Digest == verified.Index.Digest
                ? Task.CompletedTask
                : pruning.ContentAsync(null, ct);
    }

    private void Tell(EventSeverity severity, string kind, string found, string done) =>
        events.Append(new(severity, kind, null, null, found, done));
}
