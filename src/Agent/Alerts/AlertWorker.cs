using Appliance.Agent.Storage;

namespace Appliance.Agent.Alerts;

/// <summary>
/// Acts on the alerts that are queued, one after the other. What was queued when the agent ended is acted on after its next
/// start, unless it is too old by then; what was being acted on is not begun again: whether it was done is not known, and a
/// second restart, or a reboot after a reboot, would be worse than none.
/// </summary>
internal sealed class AlertWorker(
    AlertJournal journal,
    AlertIntake intake,
    IAlertActions actions,
    EventLog events,
    AuditTrail audit,
    TimeProvider clock,
    ILogger<AlertWorker> log
) : BackgroundService
{
    /// <summary>What waited longer than this for the agent to start is not acted on.</summary>
    public static readonly TimeSpan TooOld = TimeSpan.FromMinutes(30);

    /// <summary>A service takes as long as it takes to stop, and to start.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>How soon a disk that took nothing is tried again.</summary>
    public static readonly TimeSpan UntilNextTry = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await PersistentlyAsync(Resume, stoppingToken);
        while (true)
        {
            // Taken before reading: what is queued between the read and the wait ends the wait at once.
            var more = intake.Queued;
            if (journal.NextQueued is { } next)
                await PersistentlyAsync(() => ActAsync(next, stoppingToken), stoppingToken);
            else
                await more.WaitAsync(stoppingToken);
        }
    }

    private Task PersistentlyAsync(Action work, CancellationToken ct) =>
        PersistentlyAsync(
            () =>
            {
                work();
                return Task.CompletedTask;
            },
            ct
        );

    // A disk that takes nothing may do so later. Until then nothing is acted on: it could be done twice.
    private async Task PersistentlyAsync(Func<Task> work, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                await work();
                return;
            }
            catch (StorageException e)
            {
                log.ActingPutOff(e.Message);
                await Task.Delay(UntilNextTry, clock, ct);
            }
        }
    }

    private void Resume()
    {
        foreach (var alert in journal.Acting)
            Conclude(
                alert,
                AlertState.Interrupted,
                $"the agent ended while it was to {InWords(alert)}: whether that was done is not known, and it is not done again"
            );
        foreach (var alert in journal.Queued.Where(a => clock.GetUtcNow() - a.ReceivedAt > TooOld))
            Conclude(alert, AlertState.Refused, $"it waited too long for the agent to start, to {InWords(alert)} now");
    }

    // Told only once it is written down: until then it is not so, and it would be acted on.
    private void Conclude(AlertRecord alert, AlertState state, string why)
    {
        journal.End(alert.Id, state, why);
        Tell(alert, state, why);
    }

    private async Task ActAsync(AlertRecord alert, CancellationToken ct)
    {
        await actions.UntilReadyAsync(alert.Verdict.Service, ct);
        // Before the effect: what cannot be recorded is not done.
        audit.Append(AlertWords.Audit(alert, "requested", ""));
        if (!journal.Begin(alert.Id))
        {
            log.Record(audit, AlertWords.Audit(alert, "failed", "it was over before it was begun"));
            return;
        }
        var (state, why) = await TryAsync(alert, ct) switch
        {
            ActionOutcome.Refused refused => (AlertState.Refused, $"to {InWords(alert)} was refused: {refused.Why}"),
            _ => (AlertState.Done, $"{alert.Verdict.Rule} asked to {InWords(alert)}, and it was done"),
        };
        End(alert, state, why);
    }

    private async Task<ActionOutcome> TryAsync(AlertRecord alert, CancellationToken ct)
    {
        using var patience = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        var (by, reason) = (alert.Alert.Sender, AlertWords.Reason(alert));
        var service = alert.Verdict.Service ?? "";
        try
        {
            return await (
                alert.Verdict.Action switch
                {
                    AlertAction.Restart => actions.RestartAsync(service, by, reason, either.Token),
                    AlertAction.Recreate => actions.RecreateAsync(service, by, reason, either.Token),
                    AlertAction.Run => actions.RunAsync(service, by, reason, either.Token),
                    AlertAction.Reboot => actions.RebootAsync(by, reason, either.Token),
                    _ => Task.FromResult<ActionOutcome>(new ActionOutcome.Done()),
                }
            );
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new ActionOutcome.Refused(
                $"it was not done within {Patience.TotalMinutes} min, and may be done yet"
            );
        }
        catch (StorageException e)
        {
            return new ActionOutcome.Refused(e.Message);
        }
    }

    // What was done is done, whatever becomes of the row: the event and the log tell it too.
    private void End(AlertRecord alert, AlertState state, string why)
    {
        try
        {
            journal.End(alert.Id, state, why);
        }
        catch (StorageException e)
        {
            log.OutcomeNotStored(alert.Id, why, e.Message);
        }
        Tell(alert, state, why);
    }

    private void Tell(AlertRecord alert, AlertState state, string why)
    {
        var isDone = state is AlertState.Done;
        log.Record(audit, AlertWords.Audit(alert, isDone ? "done" : "failed", why));
        events.Append(
            AlertWords.Event(
                isDone ? EventSeverity.Info : EventSeverity.Warning,
                $"alert.{AlertDecision.InWords(state)}",
                alert,
                why
            )
        );
    }

    private static string InWords(AlertRecord alert) =>
        AlertDecision.InWords(alert.Verdict.Action, alert.Verdict.Service);
}
