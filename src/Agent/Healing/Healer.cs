using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Docker;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Healing;

/// <summary>
/// Watches over the appliance as a whole: looks again whenever something has changed that it decides by, has the arbiter
/// take what is next, and tells what is next and not taken.
/// </summary>
internal sealed class Healer(
    Arbiter arbiter,
    IRemedies remedies,
    MachineProblems problems,
    Maintenance maintenance,
    ISupervisor supervisor,
    UpdateJournal journal,
    DrillJournal drills,
    RungLedger ledger,
    EventLog events,
    DockerEngine engine,
    MachineBoot boot,
    MachineShutdown shutdown,
    IOptionsMonitor<HealingOptions> options,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<Healer> log
) : BackgroundService
{
    // What was not begun, or was and did not help, has changed nothing that would wake us.
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromMinutes(1);

    // A timer takes no more than 49 days.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private static readonly TimeSpan EnginesPatience = TimeSpan.FromSeconds(10);

    private readonly Dictionary<(string Cause, string Scope, Remedy Remedy), string> told = [];
    private TaskCompletionSource configured = NewSignal();

    /// <summary>Supervision knows how to heal before it looks for the first time.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        problems.Report();
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        using var changes = options.OnChange(_ =>
        {
            problems.Report();
            Interlocked.Exchange(ref configured, NewSignal()).TrySetResult();
        });
        try
        {
            while (true)
            {
                // Taken before the look: what changes meanwhile ends the wait at once.
                var view = supervisor.View;
                Task[] news =
                [
                    journal.Changed,
                    drills.Changed,
                    problems.Changed,
                    maintenance.Changed,
                    Volatile.Read(ref configured).Task,
                ];
                var wakeAt = await LookAsync(view, ending.Token);
                await WaitAsync(view, news, wakeAt - clock.GetUtcNow(), ending.Token);
            }
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested) { }
    }

    /// <summary>One look: rule, tell, act.</summary>
    /// <returns>When to look again if nothing changes; null: not before something does.</returns>
    internal async Task<DateTimeOffset?> LookAsync(SupervisionView view, CancellationToken ct)
    {
        maintenance.Expire();
        // What ends with the machine needs nothing.
        if (await shutdown.IsUnderWayAsync())
            return null;
        var situation = await SituationAsync(view, ct);
        var ruling = Triage.Rule(situation);
        Tell(ruling);
        if (ruling.Act is not { } act)
            return ruling.WakeAt;
        if (await arbiter.TakeAsync(act.Trouble, act.Remedy, ct) is { } busy)
            Tell(ruling with { Refusals = [.. ruling.Refusals, new RemedyRefusal(act.Trouble, act.Remedy, busy)] });
        return situation.Now + AfterTrouble;
    }

    private async Task<Situation> SituationAsync(SupervisionView view, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var canWrite = Settle(now);
        return new Situation(
            view,
            problems.Standing,
            await PortHoldersAsync(view, ct),
            maintenance.Current,
            journal.Running?.Name,
            journal.Previous is not null,
            ledger.All,
            Enum.GetValues<Remedy>()
                .Select(r => (Remedy: r, Why: remedies.WhyNot(r)))
                .Where(r => r.Why is not null)
                .ToDictionary(r => r.Remedy, r => r.Why!),
            canWrite,
            options.CurrentValue,
            // Not the earliest that it may have been: a clock that was put forward would end the peace after a boot.
            now - boot.Uptime,
            now
        )
        {
            Drill = drills.Running?.Name,
        };
    }

    /// <summary>Puts what a clock that was put back has left in the future where it was meant to be.</summary>
    /// <returns>False: nothing can be written down.</returns>
    private bool Settle(DateTimeOffset now)
    {
        try
        {
            if (Budget.Displaced(ledger.All, now) is { Count: > 0 } displaced)
                ledger.Put(displaced);
            return problems.Standing.All(p => p.Problem.Cause is not Cause.DiskReadOnly);
        }
        catch (StorageException e)
        {
            log.NotWritten(e.Message);
            return false;
        }
    }

    /// <summary>Asked only when a service says that the engine keeps a port from it.</summary>
    private async Task<IReadOnlyDictionary<int, string>> PortHoldersAsync(SupervisionView view, CancellationToken ct)
    {
        var holders = new Dictionary<int, string>();
        if (!view.Engine.Reachable || !view.Services.Any(s => s.Ailments.Any(a => a.Cause is Cause.EngineBooks)))
            return holders;
        using var patience = new CancellationTokenSource(EnginesPatience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ct);
        try
        {
            foreach (var container in await engine.Containers.ListAsync(new ContainerQuery(), either.Token))
            {
                foreach (var port in container.Ports.Select(p => p.PublicPort).OfType<int>())
                    holders[port] = container.Names.FirstOrDefault(container.Id).TrimStart('/');
            }
        }
        catch (Exception e) when (e is DockerEngineException or EngineUnavailableException)
        {
            log.HoldersUnknown(e.Message);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            log.HoldersUnknown("the engine is too slow to say");
        }
        return holders;
    }

    /// <summary>Each refusal once, until it is another or over.</summary>
    private void Tell(Ruling ruling)
    {
        var now = ruling.Refusals.ToDictionary(r => (r.Trouble.Cause, r.Trouble.Scope, r.Remedy));
        foreach (var (key, refusal) in now.Where(r => told.GetValueOrDefault(r.Key) != r.Value.Why))
        {
            told[key] = refusal.Why;
            events.Append(
                new(
                    EventSeverity.Warning,
                    "healing.refused",
                    null,
                    null,
                    refusal.Trouble.Found,
                    $"{refusal.Remedy.InWords()} was next, and is not done: {refusal.Why}"
                )
            );
        }
        // A trouble that comes and goes with each try is still the same one.
        var standing = ruling.Troubles.Select(t => (t.Cause, t.Scope)).ToHashSet();
        if (
            standing.Count == 0
            && supervisor.View.Services.All(s => s.State is ServiceState.Running or ServiceState.Completed)
        )
            told.Clear();
    }

    private async Task WaitAsync(SupervisionView view, Task[] news, TimeSpan? atMost, CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var wait = atMost is { } limit ? Clamp(limit) : Timeout.InfiniteTimeSpan;
        await Task.WhenAny([
            .. news,
            supervisor.WaitForChangeAsync(view, over.Token),
            Task.Delay(wait, clock, over.Token),
        ]);
        await over.CancelAsync();
        ct.ThrowIfCancellationRequested();
    }

    private static TimeSpan Clamp(TimeSpan wait) =>
        wait < TimeSpan.Zero ? TimeSpan.Zero
        : wait > LongestWait ? LongestWait
        : wait;

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
