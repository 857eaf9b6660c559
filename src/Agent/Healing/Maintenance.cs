using Appliance.Agent.Storage;

namespace Appliance.Agent.Healing;

/// <summary>
/// Holds the appliance as it is while somebody works on it by hand: nothing is repaired, healed or upgraded by itself, and
/// whatever a person asks for is done.
/// </summary>
internal sealed class Maintenance(
    Holds holds,
    UpdateJournal journal,
    DrillJournal drills,
    MachineProblems problems,
    EventLog events
)
{
    private TaskCompletionSource changed = NewSignal();

    public Hold? Current => holds.Current;

    /// <summary>Completes with the next change.</summary>
    public Task Changed => Volatile.Read(ref changed).Task;

    /// <param name="length">Null: until it is released.</param>
    /// <returns>Why it is not held; null: it is.</returns>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public string? Begin(string by, string reason, TimeSpan? length)
    {
        var (hold, why) = holds.Alone(() =>
            WhyNot() is { } inTheWay ? ((Hold?)null, inTheWay) : (holds.Put(by, reason, length), "")
        );
        if (hold is null)
            return why;
        Tell(
            "maintenance.held",
            reason.Length > 0 ? $"{by} asked for it ({reason})" : $"{by} asked for it",
            hold.Until is { } until
                ? $"repairs nothing until {Supervision.Words.At(until)}, or until it is released"
                : "repairs nothing until it is released"
        );
        Change();
        return null;
    }

    /// <returns>False: there was no hold.</returns>
    /// <exception cref="StorageException">It could not be made durable, and the hold still stands.</exception>
    public bool Release(string by)
    {
        if (!holds.End())
            return false;
        Tell("maintenance.released", $"{by} asked for it", "repairs again what is not as it should be");
        Change();
        return true;
    }

    /// <summary>Forgets a hold whose time is up.</summary>
    public void Expire()
    {
        if (holds is not { Last: { } last, Current: null })
            return;
        try
        {
            holds.End();
        }
        // It does not count any more, and is forgotten when something can be written.
        catch (StorageException)
        {
            return;
        }
        Tell(
            "maintenance.released",
            $"the time is up that {last.By} asked for",
            "repairs again what is not as it should be"
        );
        Change();
    }

    private string? WhyNot() =>
        // A drill is about what repairs itself.
        (journal.Running?.Name ?? drills.Running?.Name)
            is { } running
            ? $"{running} is under way; wait for it, or cancel it"
            : null;

    private void Change()
    {
        problems.Report();
        Interlocked.Exchange(ref changed, NewSignal()).SetResult();
    }

    private void Tell(string kind, string found, string done) =>
        events.Append(new(EventSeverity.Info, kind, null, null, found, done));

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
