using Appliance.Agent.Storage;

namespace Appliance.Agent.Alerts;

/// <summary>
/// Takes in the alerts of a message: decides what each leads to, and makes that durable, so that its sender can be
/// answered. What is to be done is done later, by <see cref="AlertWorker"/>.
/// </summary>
internal sealed class AlertIntake(
    AlertJournal journal,
    CoolDowns coolDowns,
    EventLog events,
    AuditTrail audit,
    TimeProvider clock,
    ILogger<AlertIntake> log
)
{
    // Events and records of what is not acted on: a sender gone wrong must not push everything else out of the events, nor
    // fill the disk with records, which are kept for ever. The alerts themselves are all in the journal.
    private const int Told = 50;
    private static readonly TimeSpan ToldEvery = TimeSpan.FromMinutes(1);

    private readonly Budgets tellings = new(Told, ToldEvery, clock);

    // One at a time: a rule that rests because of one message must be known to rest when the next is decided.
    private readonly Lock gate = new();
    private TaskCompletionSource queued = NewSignal();

    /// <summary>Completes with the next alert that is to be acted on.</summary>
    public Task Queued => Volatile.Read(ref queued).Task;

    /// <exception cref="StorageException">They could not be made durable, and none was taken in.</exception>
    public IReadOnlyList<TakenAlert> Take(string sender, IReadOnlyList<NewAlert> alerts)
    {
        IReadOnlyList<TakenAlert> taken;
        lock (gate)
        {
            taken = journal.Take(alerts, (alert, rules) => AlertDecision.Of(alert, rules, coolDowns));
            foreach (var verdict in taken.Where(t => t.IsNews).Select(t => t.Record.Verdict))
            {
                if (verdict is { Rule: { } rule, RestsSince: { } since })
                    coolDowns.Begin(rule, since);
            }
        }
        foreach (var alert in taken.Where(t => t.IsNews))
            Tell(sender, alert.Record);
        if (taken.Any(t => t is { IsNews: true, Record.Verdict.State: AlertState.Queued }))
            Interlocked.Exchange(ref queued, NewSignal()).SetResult();
        return taken;
    }

    private void Tell(string sender, AlertRecord alert)
    {
        if (alert.Verdict.State is AlertState.Queued)
        {
            events.Append(AlertWords.Event(EventSeverity.Info, "alert.queued", alert, alert.Verdict.Why));
            return;
        }
        if (!tellings.Of(sender).TryTake(out var missed, out _))
            return;
        var untold =
            missed == 0 ? "" : $" ({missed} earlier decisions were not told; `appliancectl alerts list` has them)";
        var (kind, why) = alert.ResolvedAt is null
            ? ($"alert.{AlertDecision.InWords(alert.Verdict.State)}", alert.Verdict.Why)
            : ("alert.resolved", "it is over: nothing is done for that");
        events.Append(AlertWords.Event(EventSeverity.Info, kind, alert, why + untold));
        // What no rule speaks of, or what a rule says to leave alone, was nobody's wish: the event is enough.
        if (alert is { ResolvedAt: null, Verdict.State: AlertState.DryRun or AlertState.CoolingDown })
            log.Record(audit, AlertWords.Audit(alert, "refused", why + untold));
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
