using Appliance.Agent.Host;
using Appliance.Agent.Sources;
using Appliance.Agent.Storage;
using Appliance.Docker;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Supervision;

/// <summary>
/// Makes the engine match the release, and keeps it so. One loop observes, plans and starts steps; steps of different
/// containers run beside each other, so that the slow stop of one does not delay the restart of another. A pass starts
/// from what is there, so a crash of the agent, of the engine, or a hand on the engine needs no path of its own.
/// </summary>
internal sealed class Supervisor : BackgroundService, ISupervisor
{
    // How long steps under way may take to end when the agent is told to stop.
    private static readonly TimeSpan StepsMayEnd = TimeSpan.FromSeconds(8);

    // An idle loop is heard of well within what the watchdog allows; such a pass asks the engine nothing.
    private static readonly TimeSpan SignOfLife = Liveness.Usual / 2;

    private readonly EngineObserver observer;
    private readonly EngineWatch watch;
    private readonly StepRunner runner;
    private readonly MountedFiles files;
    private readonly SourcesOptions sources;
    private readonly IOptionsMonitor<SupervisionOptions> options;
    private readonly (EventLog Events, Wishes Wishes, RestartLedger Restarts, Completions Completions) storage;
    private readonly Liveness liveness;
    private readonly TimeProvider clock;
    private readonly ILogger<Supervisor> log;
    private readonly Wakeups wakeups;

    private readonly Lock gate = new();
    private readonly Dictionary<string, Step> inFlight = [];
    private readonly HashSet<Task> running = [];
    private readonly Dictionary<string, StepFailure> failures = [];
    private readonly Dictionary<string, HealthVerdict> verdicts = [];
    private readonly Dictionary<Slot, AskedRestart> asked = [];
    private readonly HashSet<string> seen = [];
    private readonly CancellationTokenSource steps = new();
    private DesiredState? desired;
    private bool adopted;
    private long lastResync;
    private SupervisionView view;
    private TaskCompletionSource changed = NewSignal();

    public Supervisor(
        DockerEngine engine,
        EngineObserver observer,
        EngineWatch watch,
        MountedFiles files,
        IOptions<SourcesOptions> sources,
        IOptionsMonitor<SupervisionOptions> options,
        EventLog events,
        Wishes wishes,
        RestartLedger restarts,
        Completions completions,
        Liveness liveness,
        TimeProvider clock,
        ILogger<Supervisor> log
    )
    {
        (this.observer, this.watch, this.files, this.options) = (observer, watch, files, options);
        (this.liveness, this.clock, this.log) = (liveness, clock, log);
        this.sources = sources.Value;
        storage = (events, wishes, restarts, completions);
        runner = new StepRunner(engine);
        wakeups = new Wakeups(clock);
        view = new SupervisionView(watch.View, null, []);
        watch.Changed = OnEngineChanged;
        watch.Happened = e =>
        {
            observer.Invalidate(e);
            wakeups.Wake();
        };
    }

    public SupervisionView View => Volatile.Read(ref view);

    public Task WaitForChangeAsync(SupervisionView seen, CancellationToken ct)
    {
        lock (gate)
            return ReferenceEquals(view, seen) ? changed.Task.WaitAsync(ct) : Task.CompletedTask;
    }

    public bool Stop(string service, string by, string reason)
    {
        if (desired?.Service(service) is not { })
            return false;
        storage.Wishes.Stop(service, by, reason);
        storage.Events.Append(
            new(
                EventSeverity.Info,
                "service.stopped",
                service,
                null,
                $"{by} asked for it{Because(reason)}",
                "keeps it stopped"
            )
        );
        wakeups.Wake();
        return true;
    }

    public bool Start(string service, string by)
    {
        if (desired?.Service(service) is not { } wanted)
            return false;
        if (storage.Wishes.Clear(service))
            storage.Events.Append(
                new(EventSeverity.Info, "service.started", service, null, $"{by} asked for it", "lets it run again")
            );
        Forgive(wanted);
        wakeups.Wake();
        return true;
    }

    public async Task<bool> RestartAsync(string service, string by, string reason, CancellationToken ct)
    {
        if (desired?.Service(service) is not { } wanted)
            return false;
        storage.Wishes.Clear(service);
        Forgive(wanted);
        List<Task> done = [];
        lock (gate)
        {
            foreach (var slot in SlotsOf(wanted))
            {
                storage.Completions.Forget(slot.ToString());
                if (!asked.TryGetValue(slot, out var request))
                    asked[slot] = request = new AskedRestart($"{by} asked for a restart{Because(reason)}");
                done.Add(request.Done.Task);
            }
        }

        wakeups.Wake();
        await Task.WhenAll(done).WaitAsync(ct);
        return true;
    }

    /// <summary>What the Health room has to say about a run of a container.</summary>
    public void Report(HealthVerdict verdict)
    {
        lock (gate)
            verdicts[verdict.ContainerId] = verdict;
        wakeups.Wake();
    }

    public override void Dispose()
    {
        steps.Dispose();
        base.Dispose();
    }

    /// <summary>Who asks the agent anything finds the release's services known.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await ReadReleaseAsync(cancellationToken);
        PublishWithoutEngine();
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var watching = watch.RunAsync(stoppingToken);
        try
        {
            // The watch ends only with the agent, or with a bug that must end the agent too.
            await await Task.WhenAny(LoopAsync(stoppingToken), watching);
        }
        finally
        {
            await LetStepsEndAsync();
        }
    }

    private async Task LoopAsync(CancellationToken ct)
    {
        var wait = TimeSpan.Zero;
        while (true)
        {
            await wakeups.WaitAsync(wait, ct);
            liveness.Beat();
            wait = await ReconcileOnceAsync(ct);
        }
    }

    /// <summary>One pass: observe, plan, start what is due.</summary>
    /// <returns>How long until the next pass is due if nothing wakes it.</returns>
    internal async Task<TimeSpan> ReconcileOnceAsync(CancellationToken ct)
    {
        if (desired is not { } wanted || !watch.View.Reachable)
        {
            PublishWithoutEngine();
            return SignOfLife;
        }

        // Events tell of changes as they happen; this is for the one that was lost.
        if (clock.GetElapsedTime(lastResync) >= options.CurrentValue.Resync)
        {
            observer.Invalidate();
            lastResync = clock.GetTimestamp();
        }

        // Before the look: a step that ends while we look is still taken as under way, and wakes us again.
        Dictionary<string, Step> underWay;
        lock (gate)
            underWay = new(inFlight);

        ObservedState observed;
        try
        {
            observed = await observer.ObserveAsync(wanted, ct);
        }
        catch (Exception e) when (e is EngineUnavailableException or DockerEngineException)
        {
            log.PassAbandoned(e.Message);
            watch.Doubt(e.Message);
            return SignOfLife;
        }

        var now = clock.GetUtcNow();
        var plan = Planner.Make(InputsOf(wanted, observed, underWay, now));
        Adopt(plan);
        foreach (var completion in plan.Completed.Where(c => storage.Completions.Of(c.Slot) != c))
            storage.Completions.Put(completion);
        foreach (var step in plan.Steps.DistinctBy(s => s.Lane))
            Launch(step);
        Publish(plan, now);
        Remember(observed);
        return plan.WakeAt is { } at && at - now < SignOfLife ? at - now : SignOfLife;
    }

    private PlanningInputs InputsOf(
        DesiredState wanted,
        ObservedState observed,
        Dictionary<string, Step> underWay,
        DateTimeOffset now
    )
    {
        lock (gate)
        {
            // Verdicts and requests of what is gone would pile up.
            var ids = observed.Containers.Select(c => c.Id).ToHashSet();
            foreach (var gone in verdicts.Keys.Where(id => !ids.Contains(id)).ToList())
                verdicts.Remove(gone);
            return new PlanningInputs(
                wanted,
                observed,
                storage.Wishes.All(),
                storage.Restarts.Of,
                storage.Completions.Of,
                new Dictionary<string, HealthVerdict>(verdicts),
                asked.ToDictionary(a => a.Key, a => a.Value.Why),
                underWay,
                new Dictionary<string, StepFailure>(failures),
                seen,
                options.CurrentValue.Backoff,
                now
            );
        }
    }

    private void Launch(Step step)
    {
        lock (gate)
        {
            if (!inFlight.TryAdd(step.Lane, step))
                return;
            var task = Task.Run(() => TakeAsync(step, steps.Token));
            running.Add(task);
            _ = task.ContinueWith(
                t =>
                {
                    lock (gate)
                        running.Remove(t);
                },
                TaskScheduler.Default
            );
        }
    }

    private async Task TakeAsync(Step step, CancellationToken ct)
    {
        try
        {
            CountAgainst(step);
            await runner.RunAsync(step, ct);
            lock (gate)
                failures.Remove(step.Lane);
            storage.Events.Append(StepEvents.Done(step));
            Answer(step, null);
        }
        catch (EngineUnavailableException e)
        {
            log.StepInterrupted(step.Subject, e.Message);
            watch.Doubt(e.Message);
        }
        catch (Exception e) when (e is DockerEngineException or IOException or UnauthorizedAccessException)
        {
            Fail(step, e.Message);
            Answer(step, e.Message);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested) { }
        finally
        {
            // A step changes what it names, and events of it may still be on their way.
            Invalidate(step);
            lock (gate)
                inFlight.Remove(step.Lane);
            wakeups.Wake();
        }
    }

    /// <summary>A promise before the effect: a container that takes the agent down with it still backs off.</summary>
    private void CountAgainst(Step step)
    {
        if (step.Streak is not { } streak || step.Slot is not { } slot)
            return;
        var record = options.CurrentValue.Backoff.Next(
            storage.Restarts.Of(slot.ToString()),
            slot.ToString(),
            streak,
            clock.GetUtcNow(),
            step.Found
        );
        storage.Restarts.Put(record);
        if (record.Streak == Backoff.AlarmAt)
            storage.Events.Append(
                new(
                    EventSeverity.Error,
                    "service.failing",
                    slot.Service,
                    step.Subject,
                    $"{step.Found}, {record.Streak} times in a row",
                    "keeps trying at a growing pace; a person should look at its log"
                )
            );
    }

    private void Fail(Step step, string error)
    {
        var now = clock.GetUtcNow();
        StepFailure failure;
        lock (gate)
        {
            var count = (failures.GetValueOrDefault(step.Lane)?.Count ?? 0) + 1;
            failure = new StepFailure(
                error.TrimEnd('.', '\n', ' '),
                count,
                now + options.CurrentValue.Backoff.DelayAfter(count, step.Lane)
            );
            failures[step.Lane] = failure;
        }

        // The first time and each doubling: a failure that lasts a night must not fill the history.
        if (System.Numerics.BitOperations.IsPow2(failure.Count))
            storage.Events.Append(StepEvents.Failed(step, failure));
    }

    private void Answer(Step step, string? error)
    {
        if (step is not (Step.Start or Step.Restart or Step.Switch or Step.Create) || step.Slot is not { } slot)
            return;
        // Made is not yet started; only a failure answers then.
        if (step is Step.Create && error is null)
            return;
        lock (gate)
        {
            if (asked.Remove(slot, out var request))
                request.Done.TrySetResult();
        }
    }

    private void Invalidate(Step step)
    {
        if (step.ContainerId is { } id)
            observer.InvalidateContainer(id);
        else
            observer.Invalidate();
    }

    private async Task ReadReleaseAsync(CancellationToken ct)
    {
        if (sources.Release is not { } folder)
        {
            Show(View with { ReleaseProblem = "no release is installed" });
            return;
        }

        switch (await ReleaseFolder.ReadAsync(folder, ct))
        {
            case ReleaseReading.Ready ready:
                try
                {
                    files.PutInPlace(ready.Release);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    Refuse(folder, [e.Message]);
                    return;
                }

                desired = DesiredStateBuilder.Build(ready.Release, files.PathOf);
                Show(View with { Release = new ReleaseView(desired.Project, ready.Release.Version, folder) });
                log.ReleaseRead(desired.Project, ready.Release.Version, desired.Services.Count);
                break;
            case ReleaseReading.Refused refused:
                Refuse(folder, refused.Reasons);
                break;
        }
    }

    /// <summary>What runs goes on running, untouched: a release that cannot be read asks for nothing.</summary>
    private void Refuse(string folder, IReadOnlyList<string> reasons)
    {
        storage.Events.Append(
            new(EventSeverity.Error, "release.refused", null, null, string.Join("; ", reasons), "changed nothing")
        );
        Show(View with { ReleaseProblem = $"the release in {folder} is refused: {string.Join("; ", reasons)}" });
    }

    private void OnEngineChanged(EngineView engine)
    {
        var before = View.Engine;
        if (engine.Reachable)
        {
            observer.Invalidate();
            if (!before.Reachable)
                storage.Events.Append(
                    new(
                        EventSeverity.Info,
                        "engine.found",
                        null,
                        null,
                        $"Docker Engine {engine.Version} answers",
                        "goes on"
                    )
                );
        }
        else if (before.Reachable || before.Version.Length == 0 && before.Error == "not asked yet")
        {
            storage.Events.Append(
                new(EventSeverity.Error, "engine.lost", null, null, engine.Error ?? "", "waits for it, and asks again")
            );
        }

        Show(View with { Engine = engine });
        wakeups.Wake();
    }

    private void Adopt(Plan plan)
    {
        if (adopted)
            return;
        adopted = true;
        var up = plan.Services.SelectMany(s => s.Slots).Count(s => s.Container is { IsUp: true });
        var wanted = plan.Services.Sum(s => s.Service.Replicas);
        storage.Events.Append(
            new(
                EventSeverity.Info,
                "agent.started",
                null,
                null,
                $"{up} of {wanted} containers were running",
                up > 0 ? "adopted them as they are" : "starts what is missing"
            )
        );
    }

    private void Remember(ObservedState observed)
    {
        seen.UnionWith(observed.Networks.Keys);
        seen.UnionWith(observed.Volumes);
        seen.UnionWith(observed.ImageIds.Keys);
        seen.UnionWith(observed.Containers.Where(c => c.Ours).Select(c => c.Name));
    }

    private void Publish(Plan plan, DateTimeOffset now)
    {
        var before = View;
        var services = ViewBuilder.Services(plan, storage.Restarts.Of, before, now);
        foreach (var service in services)
        {
            if (Transitions.Between(before.Service(service.Name), service) is { } news)
                storage.Events.Append(news);
        }

        Show(before with { Engine = watch.View, Services = services, Targets = ViewBuilder.Targets(plan) });
    }

    private void PublishWithoutEngine()
    {
        if (desired is { } wanted)
            Show(
                View with
                {
                    Engine = watch.View,
                    Services = ViewBuilder.WithoutEngine(wanted, View, watch.View, clock.GetUtcNow()),
                    Targets = [],
                }
            );
    }

    private void Show(SupervisionView next)
    {
        lock (gate)
        {
            if (ViewsAlike.Are(view, next))
                return;
            Volatile.Write(ref view, next);
            var signal = changed;
            changed = NewSignal();
            signal.TrySetResult();
        }
    }

    private void Forgive(DesiredService service)
    {
        foreach (var slot in SlotsOf(service))
        {
            storage.Restarts.Forget(slot.ToString());
            lock (gate)
                failures.Remove(slot.ToString());
        }
    }

    private async Task LetStepsEndAsync()
    {
        Task[] left;
        lock (gate)
            left = [.. running];
        steps.CancelAfter(StepsMayEnd);
        await Task.WhenAll(left);
    }

    private static IEnumerable<Slot> SlotsOf(DesiredService service) =>
        Enumerable.Range(1, service.Replicas).Select(n => new Slot(service.Name, n));

    private static string Because(string reason) => reason.Length > 0 ? $" ({reason})" : "";

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record AskedRestart(string Why)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
