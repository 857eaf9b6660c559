using Appliance.Agent.Storage;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>
/// What people may say to an operation on its way: hold it where it is, or go on with what is tried now. To break it off is
/// to cancel it.
/// </summary>
internal sealed class Rollout(UpdateJournal journal, RolloutTable table)
{
    /// <summary>The operation that runs, and what is said of it; null: none runs.</summary>
    public (Operation Operation, RolloutRecord Record)? Current =>
        journal.Running is { } running ? (running, table.Of(running.Id)) : null;

    public RolloutRecord Of(Operation operation) => table.Of(operation.Id);

    /// <summary>Holds it: nothing more is taken on, and no trial comes nearer to its end. What was taken on is finished.</summary>
    /// <exception cref="RefusedException">No operation can be held now.</exception>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public Operation Pause(string by)
    {
        var (operation, record) = Demand();
        table.Put(operation.Id, record with { PausedBy = by });
        return operation;
    }

    /// <summary>Goes on with it: one that is held, and with what is tried as if it were proven.</summary>
    /// <exception cref="RefusedException">No operation is held or tries anything.</exception>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public Operation Promote(string by)
    {
        var (operation, record) = Demand();
        if (record is { PausedBy: null, Trial: null })
            throw new RefusedException($"{operation.Name} is not held, and tries nothing: there is nothing to promote");
        table.Put(operation.Id, record with { PausedBy = null, PromotedBy = record.Trial is null ? null : by });
        return operation;
    }

    /// <summary>Begins to try a service, or goes on with it after a start of the agent.</summary>
    public RolloutRecord BeginTrial(Operation operation, string service, TimeSpan duration)
    {
        var record = Of(operation);
        if (record.Trial == service)
            return record;
        record = record with { Trial = service, Left = duration, PromotedBy = null };
        table.Put(operation.Id, record);
        return record;
    }

    /// <summary>Writes down how long it is still to be tried.</summary>
    public void Spend(Operation operation, TimeSpan left) =>
        table.Put(operation.Id, Of(operation) with { Left = left });

    public void EndTrial(Operation operation) =>
        table.Put(operation.Id, Of(operation) with { Trial = null, Left = TimeSpan.Zero, PromotedBy = null });

    /// <summary>Returns at once unless somebody holds the operation; then when it is held no longer.</summary>
    public async Task WaitWhileHeldAsync(Operation operation, CancellationToken ct)
    {
        while (true)
        {
            // Taken before the question: a change between the two is not missed.
            var changed = table.Changed;
            if (Of(operation).PausedBy is null)
                return;
            await changed.WaitAsync(ct);
        }
    }

    /// <summary>Completes when somebody has said something.</summary>
    public Task Changed => table.Changed;

    private (Operation, RolloutRecord) Demand() =>
        Current is { Operation.Phase: < Phase.Committed } current
            ? current
            : throw new RefusedException("no operation is on its way, or it can no longer be held");
}
