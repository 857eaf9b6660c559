using System.Numerics;
using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Docker;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Supervision;

/// <summary>
/// Takes steps: one at a time in a lane, lanes side by side. Tells each as an event, remembers what failed and when it
/// may be tried again, and wakes the reconciler when a lane is free.
/// </summary>
internal sealed class Lanes(
    DockerEngine engine,
    EngineObserver observer,
    EngineWatch watch,
    AskedRestarts asked,
    Wakeups wakeups,
    MountedFiles files,
    ImageLoader images,
    EventLog events,
    RestartLedger restarts,
    UpdateJournal journal,
    RungLedger ledger,
    IOptionsMonitor<SupervisionOptions> options,
    TimeProvider clock,
    ILogger<Lanes> log
) : IDisposable
{
    // How long steps under way may take to end when the agent is told to stop.
    private static readonly TimeSpan MayEnd = TimeSpan.FromSeconds(8);

    private readonly StepRunner runner = new(engine, images, journal, options);
    private readonly Lock gate = new();
    private readonly Dictionary<string, Step> inFlight = [];
    private readonly Dictionary<string, StepFailure> failures = [];
    private readonly HashSet<Task> tasks = [];
    private RunningRelease? running;
    private Ladder ladder = Ladder.Default;
    private readonly CancellationTokenSource ending = new();
    private readonly TaskCompletionSource fault = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What says which secrets and configs must be in place before a container starts.</summary>
    public RunningRelease? Running
    {
        get => Volatile.Read(ref running);
        set => Volatile.Write(ref running, value);
    }

    /// <summary>What is tried for what is not well.</summary>
    public Ladder Ladder
    {
        get => Volatile.Read(ref ladder);
        set => Volatile.Write(ref ladder, value);
    }

    /// <summary>Steps being taken now, by each lane that they occupy.</summary>
    public IReadOnlyDictionary<string, Step> UnderWay
    {
        get
        {
            lock (gate)
                return new Dictionary<string, Step>(inFlight);
        }
    }

    /// <summary>What did not work last time, by lane.</summary>
    public IReadOnlyDictionary<string, StepFailure> Failures
    {
        get
        {
            lock (gate)
                return new Dictionary<string, StepFailure>(failures);
        }
    }

    /// <summary>Faults when a step ended in a way that nobody foresaw; that must end the agent.</summary>
    public Task Fault => fault.Task;

    /// <summary>Starts a step, unless something is being done in a lane that it needs.</summary>
    /// <param name="step">What to do.</param>
    /// <param name="beginIfWanted">Runs what it is given, or says that the step is not wanted any more.</param>
    public void Launch(Step step, Func<Action, bool> beginIfWanted)
    {
        lock (gate)
        {
            var needed = step.Lanes;
            if (needed.Any(inFlight.ContainsKey))
                return;
            foreach (var lane in needed)
                inFlight[lane] = step;
            var task = Task.Run(() => TakeAsync(step, beginIfWanted, ending.Token));
            tasks.Add(task);
            _ = task.ContinueWith(
                t =>
                {
                    lock (gate)
                        tasks.Remove(t);
                    if (t.Exception is { } e)
                        fault.TrySetException(e.InnerExceptions);
                },
                TaskScheduler.Default
            );
        }
    }

    public void Forgive(string lane)
    {
        lock (gate)
            failures.Remove(lane);
    }

    public void ForgiveAll()
    {
        lock (gate)
            failures.Clear();
    }

    /// <summary>Lets steps under way end, for a few seconds: a stop that is half done leaves a service down.</summary>
    public async Task EndAsync()
    {
        Task[] left;
        lock (gate)
            left = [.. tasks];
        ending.CancelAfter(MayEnd);
        await Task.WhenAll(left).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => ending.Dispose();

    private async Task TakeAsync(Step step, Func<Action, bool> beginIfWanted, CancellationToken ct)
    {
        string? madeId = null;
        try
        {
            if (step is Step.Create or Step.Start or Step.Switch && step.Slot is { } slot)
                PutFilesInPlace(slot);
            if (!beginIfWanted(() => CountAgainst(step)))
                return;
            madeId = await runner.RunAsync(step, ct);
            Forgive(step.Lane);
            events.Append(StepEvents.Done(step));
            Answer(step, null);
        }
        catch (EngineUnavailableException e)
        {
            log.StepInterrupted(step.Subject, e.Message);
            GiveBack(step);
            watch.Doubt(e);
        }
        catch (Exception e)
            when (e is DockerEngineException or IOException or UnauthorizedAccessException or StorageException)
        {
            GiveBack(step);
            Fail(step, e.Message);
            Answer(step, e.Message);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested) { }
        finally
        {
            // A step changes what it names, and events of it may still be on their way.
            observer.Invalidate(step, madeId);
            lock (gate)
            {
                foreach (var lane in step.Lanes)
                    inFlight.Remove(lane);
            }
            wakeups.Wake();
        }
    }

    private void PutFilesInPlace(Slot slot)
    {
        if (Running is { } what)
            files.PutInPlace(what.ReleaseOf(slot), slot.Service);
    }

    /// <summary>A promise before the effect: a container that takes the agent down with it still backs off.</summary>
    private void CountAgainst(Step step)
    {
        if (step is Step.Start { Forgives: true } && restarts.Of($"{step.Slot}") is { Streak: > 0 } past)
            restarts.Put(past with { Streak = 0 });
        if (step is Step.Stop { Excuses: { } run, Slot: { } stopped })
            restarts.Put(
                new($"{stopped}", restarts.Of($"{stopped}")?.Count ?? 0, 0, run, clock.GetUtcNow(), step.Found)
            );
        if (step is Step.ReloadImage reload)
            Spend(Step.ReloadImage.BudgetOf(reload.Image.Id, step.Cause), step.Found);
        if (step.Streak is not { } streak || step.Slot is not { } slot)
            return;
        var record = options.CurrentValue.Backoff.Next(
            restarts.Of(slot.ToString()),
            slot.ToString(),
            streak,
            step.Cause,
            clock.GetUtcNow(),
            step.Found
        );
        restarts.Put(record);
        if (record.Streak == Backoff.AlarmAt)
            events.Append(
                new(
                    EventSeverity.Error,
                    "service.failing",
                    slot.Service,
                    step.Subject,
                    $"{step.Found}, {record.Streak} times in a row",
                    "keeps trying at a growing pace; a person should look at its log"
                )
            );
        if (record.Streak == Ladder.Top + 1 && Ladder.IsPast(Ladder.Top, step.Cause))
            events.Append(
                new(
                    EventSeverity.Error,
                    "healing.exhausted",
                    slot.Service,
                    step.Subject,
                    $"{step.Found}, and neither restarts nor another container nor its image loaded again have cured it",
                    "keeps trying at the longest pace; a person should look at its log"
                )
            );
    }

    private void Spend((string Rung, string Scope, string Cause) what, string reason)
    {
        var record = ledger.All.FirstOrDefault(r => (r.Rung, r.Scope, r.Cause) == what);
        ledger.Put(Ladder.Reloads.Spend(record, what, clock.GetUtcNow(), reason));
    }

    /// <summary>What was not done has cured nothing, and is not held against the next try for long.</summary>
    private void GiveBack(Step step)
    {
        if (step is not Step.ReloadImage reload)
            return;
        var what = Step.ReloadImage.BudgetOf(reload.Image.Id, step.Cause);
        if (ledger.All.FirstOrDefault(r => (r.Rung, r.Scope, r.Cause) == what) is not { } record)
            return;
        try
        {
            ledger.Put(
                record with
                {
                    Count = Math.Max(0, record.Count - 1),
                    NextAt = clock.GetUtcNow() + Ladder.ReloadFailed,
                }
            );
        }
        // Then it is held against it.
        catch (StorageException e)
        {
            log.NotGivenBack(step.Subject, e.Message);
        }
    }

    private void Fail(Step step, string error)
    {
        var now = clock.GetUtcNow();
        StepFailure failure;
        lock (gate)
        {
            var backoff = options.CurrentValue.Backoff;
            var count = (failures.GetValueOrDefault(step.Lane)?.Count ?? 0) + 1;
            // Each try of a switch stops what serves: it is made rarely from the first failure on.
            var wait = step is Step.Switch ? backoff.Ceiling : backoff.DelayAfter(count, step.Lane);
            failure = new StepFailure(error.TrimEnd('.', '\n', ' '), count, now + wait);
            failures[step.Lane] = failure;
        }

        // The first time and each doubling: a failure that lasts a night must not fill the history.
        if (BitOperations.IsPow2(failure.Count))
            events.Append(StepEvents.Failed(step, failure));
    }

    private void Answer(Step step, string? problem)
    {
        // Who asked for another container has waited for its start, which is yet to come.
        if (step is Step.Recreate && problem is null && step.Slot is { } emptied)
            asked.WantsStart(emptied);
        // Made is not yet started: only a failure answers then.
        var answers =
            step is Step.Start or Step.Restart or Step.Switch
            || (step is Step.Create or Step.Recreate && problem is not null);
        if (answers && step.Slot is { } slot)
            asked.Answer(slot, problem);
    }
}
