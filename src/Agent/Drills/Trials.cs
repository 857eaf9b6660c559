using Appliance.Agent.Storage;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Drills;

/// <summary>What a disaster is brought about for, and until when.</summary>
/// <param name="Over">Cancelled when it is to be undone at once: somebody asked for it, or the window has ended.</param>
internal sealed record Circumstances(Drill Drill, DisasterRecord Record, Target Target, CancellationToken Over);

/// <summary>Brings one disaster about, and sees what comes of it.</summary>
internal sealed class Trials(
    DrillJournal journal,
    Sights sights,
    Doors doors,
    Undoing undoing,
    EventLog events,
    Host.MachineBoot boot,
    IOptionsMonitor<DrillsOptions> options,
    TimeProvider clock
)
{
    // For what the agent was told to end with.
    private static readonly TimeSpan AtTheEnd = TimeSpan.FromSeconds(5);

    /// <returns>What is on record of it at its end.</returns>
    /// <exception cref="StorageException">It could not be written down first; what had been begun is undone.</exception>
    public async Task<DisasterRecord> RunAsync(Disaster disaster, Circumstances at, CancellationToken ct)
    {
        var expected = disaster.Expect(at.Target, at.Drill.IsShort);
        var plan = await disaster.PlanAsync(at.Target, ct);
        await using var asking = await OpenAsync(at.Target, isSure: true, ct);
        if (at.Over.IsCancellationRequested)
            return at.Record with
            {
                Phase = DisasterPhase.Ended,
                Result = at.Record.Result with
                {
                    Outcome = DisasterOutcome.NotRun,
                    Why = "the drill was ended before anything was done",
                },
            };
        var result = at.Record.Result with
        {
            Target = plan.Hits,
            Asked = asking.Door?.ToString() ?? "",
            DetectWithin = expected.DetectWithin,
            RecoverWithin = expected.RecoverWithin,
            FromUndo = expected.Course is not Course.Healed,
        };
        // The event first: who is about to be killed says it before.
        var seen = Announce(at, disaster, plan);
        asking.Begin();
        var record = at.Record with
        {
            Phase = DisasterPhase.Injecting,
            Undo = plan.Undo,
            Boot = boot.Id,
            Ticks = clock.GetTimestamp(),
            Result = result,
        };
        journal.Record(at.Drill.Id, record, StepOutcome.Begun, plan.Does);
        string? left = null;
        var (hasBegun, isUndone) = (false, false);
        try
        {
            var injectedAt = clock.GetTimestamp();
            await disaster.InjectAsync(at.Target, plan, ct);
            hasBegun = true;
            var sight = new Sight(disaster, at.Target, seen, injectedAt);
            await sights.LastAsync(sight, expected, at.Over, ct);
            var from = injectedAt;
            if (expected.Course is not Course.Healed)
            {
                left = await UndoAsync(record, ct);
                isUndone = true;
                from = clock.GetTimestamp();
            }
            var sighting = await sights.SeeAsync(sight, expected, from, asking, at.Over, ct);
            var (outcome, why) =
                IsBrokenOff(at, sighting) ? Judgement.BrokenOff(isUndone: record.Undo is not null)
                : await WhyNoEffectAsync(disaster, at.Target, expected, sighting, ct) is { } none
                    ? (DisasterOutcome.NotRun, none)
                : Judgement.Of(expected, sighting);
            result = result with
            {
                Outcome = outcome,
                Why = why,
                Detected = sighting.Detected,
                DetectedBy = sighting.DetectedBy,
                Recovered = sighting.Recovered,
            };
        }
        catch (Exception e)
            when (e is InjectionException or Docker.DockerEngineException or IOException or UnauthorizedAccessException)
        {
            hasBegun |= e is InjectionException { HasBegun: true };
            result = result with
            {
                Outcome = hasBegun ? DisasterOutcome.Failed : DisasterOutcome.NotRun,
                Why = e.Message,
            };
        }
        catch (Docker.EngineUnavailableException e)
        {
            result = result with { Outcome = DisasterOutcome.Failed, Why = $"the engine went away: {e.Message}" };
        }
        finally
        {
            // Also when the agent is told to end, for as long as that can wait.
            if (!isUndone)
                left = await UndoAtEndAsync(record, ct);
        }
        return await ConcludeAsync(record, result, left, asking, at.Drill.IsShort, ct);
    }

    /// <summary>Goes on with a disaster that has ended the agent, and been outlived by it.</summary>
    public async Task<DisasterRecord> OutliveAsync(
        Disaster disaster,
        Circumstances at,
        TimeSpan startedAfter,
        CancellationToken ct
    )
    {
        var expected = disaster.Expect(at.Target, at.Drill.IsShort);
        await using var asking = await OpenAsync(at.Target, isSure: false, ct);
        asking.Begin();
        var sight = new Sight(disaster, at.Target, events.LastId, at.Record.Ticks)
        {
            Detected = startedAfter,
            DetectedBy = "it was started again",
        };
        var sighting = await sights.SeeAsync(sight, expected, at.Record.Ticks, asking, at.Over, ct);
        var (outcome, why) = IsBrokenOff(at, sighting)
            ? Judgement.BrokenOff(isUndone: false)
            : Judgement.Of(expected, sighting);
        var result = at.Record.Result with
        {
            Outcome = outcome,
            Why = why.Length > 0 ? why : "nobody asked while the agent was away",
            Detected = sighting.Detected,
            DetectedBy = sighting.DetectedBy,
            Recovered = sighting.Recovered,
        };
        return await ConcludeAsync(at.Record, result, null, asking, at.Drill.IsShort, ct);
    }

    private static bool IsBrokenOff(Circumstances at, Sighting seen) =>
        at.Over.IsCancellationRequested && seen.Recovered is null;

    private static async Task<string?> WhyNoEffectAsync(
        Disaster disaster,
        Target target,
        Expectation expected,
        Sighting seen,
        CancellationToken ct
    ) =>
        expected.DetectWithin is not null && seen.Detected is null ? await disaster.WhyNoEffectAsync(target, ct) : null;

    private async Task<DisasterRecord> ConcludeAsync(
        DisasterRecord record,
        DisasterResult result,
        string? left,
        OpenDoor asking,
        bool isShort,
        CancellationToken ct
    )
    {
        // What breaks once more right after it was well again is counted, too.
        if (result.Outcome is DisasterOutcome.Passed)
            await Task.Delay(TimeSpan.FromSeconds(isShort ? 1 : 5), clock, ct);
        if (asking.Asking is { } client && await client.EndAsync() is var tally)
            result = result with { Requests = tally.Requests, Lost = tally.Lost, Gap = tally.Gap };
        else if (asking.WhyNot is { } unasked)
            result = result with { Asked = "", Why = result.Why.Length > 0 ? $"{result.Why}; {unasked}" : unasked };
        if (left is not null)
            result = result with { Outcome = DisasterOutcome.Failed, Why = $"it could not be undone: {left}" };
        return record with { Phase = DisasterPhase.Ended, Undo = null, Result = result };
    }

    /// <returns>The newest event before what comes of it.</returns>
    private long Announce(Circumstances at, Disaster disaster, Injection plan)
    {
        events.Append(
            new(
                EventSeverity.Warning,
                "drill.injected",
                null,
                null,
                $"{at.Drill.Actor} asked for {at.Drill.Name} ({disaster.Name})",
                plan.Does
            )
        );
        return events.LastId;
    }

    private Task<OpenDoor> OpenAsync(Target target, bool isSure, CancellationToken ct) =>
        OpenDoor.OpenAsync(doors.Of(target.Service), options.CurrentValue, isSure, clock, ct);

    private Task<string?> UndoAsync(DisasterRecord record, CancellationToken ct) =>
        record.Undo is { } undo ? undoing.UndoAsync(undo, ct) : Task.FromResult<string?>(null);

    /// <exception cref="OperationCanceledException">There was no time: it stays on record, and is undone at the next start.</exception>
    private async Task<string?> UndoAtEndAsync(DisasterRecord record, CancellationToken ct)
    {
        try
        {
            return await UndoAsync(record, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested) { }
        using var moment = new CancellationTokenSource(AtTheEnd, clock);
        return await UndoAsync(record, moment.Token);
    }
}
