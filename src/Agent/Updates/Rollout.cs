using Appliance.Agent.Storage;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>
/// What people may say to an operation on its way: hold it where it is, or go on with what is tried now. To break it off is
/// to cancel it.
/// </summary>
internal sealed class Rollout(UpdateJournal journal, RolloutTable table)
{
    /// <summary>The operation that runs; null: none does.</summary>
    public Operation? Current => journal.Running;

    public RolloutRecord Of(Operation operation) => table.Of(operation.Id);

    /// <summary>Holds it: nothing more is taken on, and no trial comes nearer to its end. What was taken on is finished.</summary>
    /// <exception cref="RefusedException">No operation can be held now.</exception>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public Operation Pause(string by)
    {
        if (journal.Running is not { } operation || !table.Hold(operation.Id, by))
            throw new RefusedException("no operation is on its way, or it can no longer be held");
        return operation;
    }

    /// <summary>Goes on with it: one that is held, and with what is tried as if it were proven.</summary>
    /// <exception cref="RefusedException">No operation is held or tries anything.</exception>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public Operation Promote(string by)
    {
        if (journal.Running is not { Phase: < Phase.Committed } operation)
            throw new RefusedException("no operation is on its way, or it can no longer be promoted");
        if (!table.Promote(operation.Id, by))
            throw new RefusedException($"{operation.Name} is not held, and tries nothing: there is nothing to promote");
        return operation;
    }

    /// <summary>Begins to try a service, or goes on with it after a start of the agent.</summary>
    public RolloutRecord BeginTrial(Operation operation, string service, TimeSpan duration)
    {
        if (Of(operation).Trial != service)
            table.BeginTrial(operation.Id, service, duration);
        return Of(operation);
    }

    /// <summary>Writes down how long it is still to be tried.</summary>
    public void Spend(Operation operation, TimeSpan left) => table.Spend(operation.Id, left);

    public void EndTrial(Operation operation) => table.EndTrial(operation.Id);

    public bool IsHeld(Operation operation) => Of(operation).PausedBy is not null;

    /// <summary>Returns at once unless somebody holds the operation; then when it is held no longer.</summary>
    public async Task WaitWhileHeldAsync(Operation operation, CancellationToken ct)
    {
        while (true)
        {
            // Taken before the question: a change between the two is not missed.
            var changed = table.Changed;
            if (!IsHeld(operation))
                return;
            await changed.WaitAsync(ct);
        }
    }

    /// <summary>Completes when somebody has said something.</summary>
    public Task Changed => table.Changed;
}
