using System.Threading.Channels;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;
using Appliance.Bundles.Releases;
using Process = System.Diagnostics.Process;

namespace Appliance.Agent.Drills;

/// <summary>What somebody wants drilled.</summary>
/// <param name="Names">In this order; empty: all, in theirs.</param>
/// <param name="Service">Null: the one that is reached from outside.</param>
/// <param name="Window">Nothing is brought about after it.</param>
internal sealed record DrillRequest(
    IReadOnlyList<string> Names,
    string? Service,
    TimeSpan Window,
    bool IsShort,
    string Actor
);

/// <summary>
/// Has one drill at a time, over any restart of the agent: a start undoes what the end before left, and goes on only where
/// it was the drill itself that ended the agent.
/// </summary>
internal sealed class Driller(
    DrillJournal journal,
    Catalogue catalogue,
    Targets targets,
    Trials trials,
    Undoing undoing,
    Wellness wellness,
    Occupancy occupancy,
    Holds holds,
    ISupervisor supervisor,
    EventLog events,
    MachineBoot boot,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<Driller> log
) : BackgroundService
{
    private static readonly TimeSpan UntilWell = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    private readonly Channel<long> begun = Channel.CreateUnbounded<long>();
    private readonly Lock gate = new();
    private CancellationTokenSource cancel = new();

    /// <summary>Begins a drill.</summary>
    /// <exception cref="RefusedException">Not now, or there is no such disaster or service.</exception>
    /// <exception cref="UpdatesBusyException">Something else is being done.</exception>
    /// <exception cref="StorageException">It could not be made durable, and is not begun.</exception>
    public async Task<Drill> StartAsync(DrillRequest wanted, CancellationToken ct)
    {
        if (wanted.Names.FirstOrDefault(n => catalogue.Find(n) is null) is { } unknown)
            throw new RefusedException(
                $"there is no disaster {unknown}; there are: {string.Join(", ", catalogue.All.Select(d => d.Name))}"
            );
        if (wanted.Service is { } named && supervisor.View.Service(named) is null)
            throw new RefusedException($"there is no service {named}");
        await occupancy.EnterAsync("a drill is being begun", ct);
        Drill drill;
        try
        {
            if (holds.Current is { } hold)
                throw new RefusedException(
                    $"{Supervision.Words.Of(hold)}; `appliancectl maintenance release` ends that"
                );
            if (wellness.WhyNot() is { } ill)
                throw new RefusedException($"a drill begins when all is well, and it is not: {ill}");
            if ((wanted.Service ?? targets.DefaultService) is not { } service)
                throw new RefusedException("no service runs that could be drilled");
            var names = wanted.Names.Count > 0 ? wanted.Names.Distinct() : catalogue.All.Select(d => d.Name);
            var disasters = names.Select(n => (n, service)).ToList();
            var now = clock.GetUtcNow();
            var release = supervisor.View.Release;
            drill = journal.Begin(
                new Drill(
                    0,
                    DrillState.Running,
                    wanted.Actor,
                    wanted.IsShort,
                    now,
                    now + wanted.Window,
                    null,
                    release?.Product ?? "",
                    release?.Version ?? "",
                    $"{disasters.Count} disasters for {service}, none after {Supervision.Words.At(now + wanted.Window)}",
                    "",
                    null
                ),
                disasters
            );
            occupancy.Become($"{drill.Name} is under way");
        }
        catch when (journal.Running is null)
        {
            occupancy.Leave();
            throw;
        }
        Tell(EventSeverity.Warning, "drill.begun", $"{wanted.Actor} asked for it", $"{drill.Name}: {drill.Sentence}");
        begun.Writer.TryWrite(drill.Id);
        return drill;
    }

    /// <summary>Wants a drill ended: what is under way is undone, and nothing more is brought about.</summary>
    /// <exception cref="RefusedException">It has ended.</exception>
    /// <exception cref="StorageException">The wish could not be made durable, and does not count.</exception>
    public Drill Cancel(long id, string by)
    {
        lock (gate)
        {
            if (journal.Find(id) is not { HasEnded: false } drill)
                throw new RefusedException($"drill-{id} has ended already");
            if (drill.CancelledBy is null)
                journal.Cancel(id, by);
            cancel.Cancel();
        }
        return journal.Find(id)!;
    }

    /// <summary>Nothing is begun before what is left is undone.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (journal.Running is { } left)
            occupancy.Become($"{left.Name} is under way");
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        cancel.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        try
        {
            if (journal.Running is { } left)
                await PersistentlyAsync(left.Id, () => ResumeAsync(left.Id, ending.Token), ending.Token);
            await foreach (var id in begun.Reader.ReadAllAsync(ending.Token))
                await PersistentlyAsync(id, () => RunAsync(id, ending.Token), ending.Token);
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested) { }
    }

    /// <summary>What cannot be written down is not done: a disk that takes nothing may do so later.</summary>
    private async Task PersistentlyAsync(long id, Func<Task> work, CancellationToken ct)
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
                log.NotWrittenYet($"drill-{id}", e.Message);
                await Task.Delay(AfterTrouble, clock, ct);
                // Something was begun, and is undone: no more is, until a person has looked.
                work = () => ResumeAsync(id, ct);
            }
        }
    }

    private async Task ResumeAsync(long id, CancellationToken ct)
    {
        var drill = journal.Find(id)!;
        foreach (var open in journal.Disasters(id).Where(d => d.Undo is not null))
        {
            var left = await undoing.UndoAsync(open.Undo!, ct);
            var end = open with
            {
                Phase = DisasterPhase.Ended,
                Undo = null,
                Result = open.Result with
                {
                    Outcome = DisasterOutcome.Failed,
                    Why = left is null
                        ? "the agent ended in the middle of it; it was undone at its next start"
                        : $"the agent ended in the middle of it, and it could not be undone: {left}",
                },
            };
            journal.Record(id, end, StepOutcome.Failed, end.Result.Why);
        }
        var own = journal
            .Disasters(id)
            .FirstOrDefault(d => d is { Phase: DisasterPhase.Injecting, Name: KillAgent.ItsName });
        if (own is null)
        {
            End(drill, "the agent ended in the middle of it");
            return;
        }
        // Once: who ends again now was not killed by the drill.
        own = own with
        {
            Phase = DisasterPhase.Outlived,
        };
        journal.Record(id, own, StepOutcome.Done, "the agent was started again");
        using var self = Process.GetCurrentProcess();
        var ago = clock.GetUtcNow() - new DateTimeOffset(self.StartTime);
        TimeSpan? startedAfter = own.Boot == boot.Id ? clock.GetElapsedTime(own.Ticks) - ago : null;
        if (await UntilFoundAsync(own, ct) is { } target)
            Record(
                drill,
                await trials.OutliveAsync(
                    catalogue.Find(own.Name)!,
                    new Circumstances(drill, own, target, cancel.Token),
                    startedAfter > TimeSpan.Zero ? startedAfter
                        : startedAfter is null ? null
                        : TimeSpan.Zero,
                    ct
                )
            );
        else
            Conclude(drill, own, DisasterOutcome.Failed, $"{own.Service} was not found running within {UntilWell}");
        await RunAsync(id, ct);
    }

    private async Task RunAsync(long id, CancellationToken ct)
    {
        var drill = journal.Find(id)!;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel.Token);
        var left = drill.Until - clock.GetUtcNow();
        using var window = clock.CreateTimer(
            static o => ((CancellationTokenSource)o!).Cancel(),
            over,
            left > TimeSpan.Zero ? left : TimeSpan.Zero,
            Timeout.InfiniteTimeSpan
        );
        foreach (var planned in journal.Disasters(id).Where(d => d.Phase is DisasterPhase.Planned))
        {
            var disaster = catalogue.Find(planned.Name);
            if (disaster is null)
                Conclude(drill, planned, DisasterOutcome.NotRun, "this agent does not have it");
            else if (journal.Find(id) is { CancelledBy: { } by })
                Conclude(drill, planned, DisasterOutcome.NotRun, $"{by} had the drill ended");
            else if (await WhyNotNowAsync(drill, over.Token, ct) is { } now)
                Conclude(drill, planned, DisasterOutcome.NotRun, now);
            else
                await TryAsync(drill, disaster, planned, over.Token, ct);
        }
        End(drill, null);
    }

    private async Task TryAsync(
        Drill drill,
        Disaster disaster,
        DisasterRecord planned,
        CancellationToken over,
        CancellationToken ct
    )
    {
        try
        {
            var target = await targets.FindAsync(planned.Service, planned.Number - 1, ct);
            var why = target is null ? $"nothing of {planned.Service} runs" : await disaster.WhyNotAsync(target, ct);
            if (why is not null)
                Conclude(drill, planned, DisasterOutcome.NotRun, why);
            else
                Record(drill, await trials.RunAsync(disaster, new Circumstances(drill, planned, target!, over), ct));
        }
        catch (Exception e)
            when (e is Docker.DockerEngineException or Docker.EngineUnavailableException or InjectionException)
        {
            Conclude(drill, planned, DisasterOutcome.NotRun, e.Message);
        }
    }

    /// <summary>One begins when all is well again after the one before, and so is counted for itself.</summary>
    private async Task<string?> WhyNotNowAsync(Drill drill, CancellationToken over, CancellationToken ct)
    {
        var from = clock.GetTimestamp();
        while (true)
        {
            if (drill.Until <= clock.GetUtcNow())
                return "the window had ended";
            if (over.IsCancellationRequested)
                return "the drill was ended";
            if (wellness.WhyNot() is not { } ill)
                return null;
            if (clock.GetElapsedTime(from) > UntilWell)
                return $"all was not well before it: {ill}";
            await Task.Delay(Between, clock, ct);
        }
    }

    /// <summary>After a start supervision has to look first.</summary>
    private async Task<Target?> UntilFoundAsync(DisasterRecord own, CancellationToken ct)
    {
        var from = clock.GetTimestamp();
        while (clock.GetElapsedTime(from) < UntilWell)
        {
            try
            {
                if (await targets.FindAsync(own.Service, own.Number - 1, ct) is { } found)
                    return found;
            }
            catch (Exception e) when (e is Docker.DockerEngineException or Docker.EngineUnavailableException) { }
            await Task.Delay(Between, clock, ct);
        }
        return null;
    }

    private void Conclude(Drill drill, DisasterRecord disaster, DisasterOutcome outcome, string why) =>
        Record(
            drill,
            disaster with
            {
                Phase = DisasterPhase.Ended,
                Result = disaster.Result with { Outcome = outcome, Why = why },
            }
        );

    private void Record(Drill drill, DisasterRecord ended)
    {
        var r = ended.Result;
        var text = r.Outcome switch
        {
            DisasterOutcome.Passed =>
                $"recovered in {Words.Of(r.Recovered ?? TimeSpan.Zero)}, {r.Lost} of {r.Requests} requests lost",
            DisasterOutcome.NotRun => $"not run: {r.Why}",
            _ => $"failed: {r.Why}",
        };
        journal.Record(
            drill.Id,
            ended,
            r.Outcome is DisasterOutcome.Failed ? StepOutcome.Failed : StepOutcome.Done,
            text
        );
        log.Drilled(drill.Name, $"{ended.Name}: {text}");
    }

    private void End(Drill drill, string? broken)
    {
        foreach (var open in journal.Disasters(drill.Id).Where(d => d.Phase is not DisasterPhase.Ended))
            Conclude(
                drill,
                open,
                open.Phase is DisasterPhase.Planned ? DisasterOutcome.NotRun : DisasterOutcome.Failed,
                broken ?? "the drill had ended"
            );
        var (state, sentence, reason) = Judgement.Of(journal.Disasters(drill.Id), journal.Find(drill.Id)?.CancelledBy);
        if (broken is not null)
            (state, reason) = (DrillState.Failed, broken);
        occupancy.Leave(() => journal.End(drill.Id, state, sentence, reason));
        lock (gate)
        {
            if (cancel.IsCancellationRequested)
                cancel = new CancellationTokenSource();
        }
        Tell(
            state is DrillState.Done ? EventSeverity.Info : EventSeverity.Warning,
            "drill.ended",
            reason.Length > 0 ? $"{drill.Name}: {reason}" : $"{drill.Actor} asked for {drill.Name}",
            sentence
        );
    }

    private void Tell(EventSeverity severity, string kind, string found, string done) =>
        events.Append(new(severity, kind, null, null, found, done));
}
