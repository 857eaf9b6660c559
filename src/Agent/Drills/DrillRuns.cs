using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Updates;
using Process = System.Diagnostics.Process;

namespace Appliance.Agent.Drills;

/// <summary>What a drill was cut short by.</summary>
/// <param name="Why">A sentence without its full stop.</param>
/// <param name="Undone">What is said of a disaster that was open then.</param>
internal sealed record CutShort(string Why, string Undone)
{
    public static CutShort ByItsEnd { get; } =
        new("the agent ended in the middle of it", "it was undone at its next start");

    public static CutShort ByTheDisk(StorageException e) =>
        new($"it could not be written down how far it was: {e.Message}", "it was undone");
}

/// <summary>A drill from its first disaster, or from where an agent that has ended left it, to its end.</summary>
internal sealed class DrillRuns(
    DrillJournal journal,
    Catalogue catalogue,
    Targets targets,
    Trials trials,
    Undoing undoing,
    Wellness wellness,
    Occupancy occupancy,
    EventLog events,
    MachineBoot boot,
    TimeProvider clock,
    ILogger<DrillRuns> log
)
{
    private static readonly TimeSpan UntilWell = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);

    private const string Booted = "the machine was booted in the middle of it";

    // What became of a disaster, where that could not be written down.
    private (Drill Drill, DisasterRecord Ended)? unwritten;

    /// <summary>Undoes what is left, and goes on only if it was the drill that has ended the agent.</summary>
    /// <param name="by">What the drill was cut short by.</param>
    /// <param name="cancelled">What is under way is to be undone, and nothing more brought about.</param>
    /// <exception cref="StorageException">It cannot be written down what was done; called again it goes on there.</exception>
    public async Task ResumeAsync(long id, CutShort by, CancellationToken cancelled, CancellationToken ct)
    {
        if (unwritten is { } last)
            Record(last.Drill, last.Ended);
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
                    Why = left is null ? $"{by.Why}; {by.Undone}" : $"{by.Why}, and it could not be undone: {left}",
                },
            };
            journal.Record(id, end, StepOutcome.Failed, end.Result.Why);
        }
        var own = journal
            .Disasters(id)
            .FirstOrDefault(d => d is { Phase: DisasterPhase.Injecting, Name: KillAgent.ItsName });
        if (own is null)
        {
            End(drill, by.Why);
            return;
        }
        // Its times are on the clock of a boot, and whoever booted the machine has done more than the drill.
        if (own.Boot != boot.Id)
        {
            End(drill, Booted);
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
        var startedAfter = clock.GetElapsedTime(own.Ticks) - ago;
        using var window = WindowOf(drill);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancelled, window.Token);
        if (await UntilFoundAsync(own, ct) is { } target)
            Record(
                drill,
                await trials.OutliveAsync(
                    catalogue.Find(own.Name)!,
                    new Circumstances(drill, own, target, over.Token),
                    startedAfter > TimeSpan.Zero ? startedAfter : TimeSpan.Zero,
                    ct
                )
            );
        else
            Conclude(drill, own, DisasterOutcome.Failed, $"{own.Service} was not found running within {UntilWell}");
        await RunAsync(id, cancelled, ct);
    }

    /// <summary>Brings about what is planned, one after the other.</summary>
    /// <param name="cancelled">As above.</param>
    /// <exception cref="StorageException">It cannot be written down; what was begun is undone, and on record.</exception>
    public async Task RunAsync(long id, CancellationToken cancelled, CancellationToken ct)
    {
        var drill = journal.Find(id)!;
        using var window = WindowOf(drill);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancelled, window.Token);
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

    private CancellationTokenSource WindowOf(Drill drill)
    {
        var left = drill.Until - clock.GetUtcNow();
        return new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, clock);
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
            var why = target is null
                ? $"nothing of {planned.Service} runs"
                : await disaster.WhyNotAsync(target, ct) ?? await disaster.WhyNotAfterAllAsync(target, ct);
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
        unwritten = (drill, ended);
        journal.Record(
            drill.Id,
            ended,
            r.Outcome is DisasterOutcome.Failed ? StepOutcome.Failed : StepOutcome.Done,
            text
        );
        unwritten = null;
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
        var disasters = journal.Disasters(drill.Id);
        var (state, sentence, reason) = Judgement.Of(disasters, journal.Find(drill.Id)?.CancelledBy);
        // One that had come to its end was cut short in nothing but saying so.
        if (broken is not null && disasters.Any(d => d.Result.Why.StartsWith(broken, StringComparison.Ordinal)))
            (state, reason) = (DrillState.Failed, broken);
        occupancy.Leave(() => journal.End(drill.Id, state, sentence, reason));
        events.Append(
            new(
                state is DrillState.Done ? EventSeverity.Info : EventSeverity.Warning,
                "drill.ended",
                null,
                null,
                reason.Length > 0 ? $"{drill.Name}: {reason}" : $"{drill.Actor} asked for {drill.Name}",
                sentence
            )
        );
    }
}
