using Appliance.Agent.Content;
using Appliance.Agent.Host;
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
    private const string NothingInstalled = "no release is installed";

    // An idle loop is heard of well within what the watchdog allows; such a pass asks the engine nothing.
    private static readonly TimeSpan SignOfLife = Liveness.Usual / 2;

    private static readonly TimeSpan MemoryNewsEvery = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan AfterRefusal = TimeSpan.FromSeconds(5);

    // Tries this shortly before the engine went were its end, not the containers'.
    private static readonly TimeSpan EngineGoing = TimeSpan.FromSeconds(15);

    private readonly EngineObserver observer;
    private readonly EngineWatch watch;
    private readonly Lanes lanes;
    private readonly MountedFiles files;
    private readonly IOptionsMonitor<SupervisionOptions> options;
    private readonly (EventLog Events, Wishes Wishes, RestartLedger Restarts, Completions Completions) storage;
    private readonly (Holds Holds, UpdateJournal Journal, RungLedger Ledger) outside;
    private readonly Liveness liveness;
    private readonly (MachineShutdown Shutdown, MachineBoot Boot) machine;
    private readonly ApplicationStop applicationStop;
    private readonly TimeProvider clock;
    private readonly ILogger<Supervisor> log;
    private readonly Wakeups wakeups;

    private readonly Lock gate = new();
    private readonly Dictionary<string, HealthVerdict> verdicts = [];
    private readonly Passing passing = new();
    private readonly Flaps flaps;
    private Traffic traffic = Traffic.None;
    private Care care = Care.Default;
    private readonly Dictionary<Slot, string> refusals = [];
    private readonly Dictionary<string, long> toldOfMemory = [];
    private readonly AskedRestarts asked;
    private readonly HashSet<string> seen = [];

    // What was known of the services when the engine last answered: an outage is no news about them.
    private Dictionary<string, ServiceView> known = [];

    private DesiredState? desired;
    private bool adopted;
    private long lastResync;
    private SupervisionView view;
    private TaskCompletionSource changed = NewSignal();

    public Supervisor(
        EngineObserver observer,
        EngineWatch watch,
        Lanes lanes,
        AskedRestarts asked,
        Wakeups wakeups,
        MountedFiles files,
        IOptionsMonitor<SupervisionOptions> options,
        EventLog events,
        Wishes wishes,
        RestartLedger restarts,
        Completions completions,
        Holds holds,
        UpdateJournal journal,
        RungLedger ledger,
        Liveness liveness,
        MachineShutdown shutdown,
        MachineBoot boot,
        ApplicationStop applicationStop,
        TimeProvider clock,
        ILogger<Supervisor> log
    )
    {
        (this.observer, this.watch, this.lanes, this.files, this.options) = (observer, watch, lanes, files, options);
        (this.asked, this.wakeups, this.liveness, this.clock, this.log) = (asked, wakeups, liveness, clock, log);
        (this.machine, this.applicationStop) = ((shutdown, boot), applicationStop);
        flaps = new Flaps(clock);
        (storage, outside) = ((events, wishes, restarts, completions), (holds, journal, ledger));
        view = new SupervisionView(watch.View, null, []) { ReleaseProblem = NothingInstalled };
        watch.Changed = OnEngineChanged;
        watch.Happened = e =>
        {
            observer.Invalidate(e);
            TellOfMemory(e);
            wakeups.Wake();
        };
    }

    public SupervisionView View => Volatile.Read(ref view);

    public Task WaitForChangeAsync(SupervisionView seen, CancellationToken ct)
    {
        lock (gate)
            return ReferenceEquals(view, seen) ? changed.Task.WaitAsync(ct) : Task.CompletedTask;
    }

    public void Run(RunningRelease what)
    {
        var next = DesiredStateBuilder.Build(what, files.PathOf);
        lock (gate)
        {
            var before = desired;
            ForgiveChanged(before, next);
            lanes.Running = what;
            Volatile.Write(ref desired, next);
            // Names decide which containers concern it.
            if (before?.Project != next.Project || !NamesOf(before).SetEquals(NamesOf(next)))
                observer.Invalidate();
            Show(v =>
                v with
                {
                    Release = ViewBuilder.ReleaseOf(what),
                    ReleaseProblem = ViewBuilder.ReleaseOf(what) is null ? NothingInstalled : null,
                    Services = ViewBuilder.BeforeLook(next, before, v, clock.GetUtcNow()),
                    IsTidy = false,
                    IsStill = false,
                    IsClosed = next.IsClosed,
                }
            );
        }

        var slots = next.Services.SelectMany(SlotsOf).ToHashSet();
        foreach (var slot in asked.Pending.Keys.Where(s => !slots.Contains(s)))
            asked.Answer(slot, "the release no longer has it");
        if (what.Next is { } to)
            log.OnTheWay(next.Project, what.Release.Version, to.Version, what.Switched?.Count ?? 0);
        else
            log.ReleaseGiven(next.Project, what.Release.Version, next.Services.Count);
        wakeups.Wake();
    }

    public IReadOnlyDictionary<string, string> HashesOf(Release release)
    {
        var state = DesiredStateBuilder.Build(release, files.PathOf);
        return state.Services.ToDictionary(s => s.Name, state.DefinitionOf);
    }

    public void ForgetCompletions(Release release, Release except)
    {
        var others = DesiredStateBuilder.Build(except, files.PathOf);
        foreach (var service in DesiredStateBuilder.Build(release, files.PathOf).Services)
        {
            if (others.Service(service.Name)?.ConfigHash == service.ConfigHash)
                continue;
            foreach (var slot in SlotsOf(service))
            {
                // A start of the agent would take for done what is done no longer.
                if (!storage.Completions.Forget(slot.ToString(), service.ConfigHash))
                    throw new StorageException($"it could not be written down that {slot} is to run again", null);
            }
        }
    }

    public void Refuse(string problem)
    {
        storage.Events.Append(new(EventSeverity.Error, "release.refused", null, null, problem, "changed nothing"));
        Show(v => v with { ReleaseProblem = problem });
    }

    public bool Stop(string service, string by, string reason)
    {
        if (desired?.Service(service) is not { } wanted)
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
        foreach (var slot in SlotsOf(wanted))
            asked.Answer(slot, $"{by} asked to stop it");
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
        // One that was stopped may look as if it had completed, or failed; somebody wants it to run all the same.
        Ask(wanted, new($"{by} asked for it", Anew: false, IsPersonal: true), s => !IsUp(s));
        return true;
    }

    public Task<RestartOutcome> RestartAsync(
        string service,
        string by,
        string reason,
        bool isPersonal,
        CancellationToken ct
    ) => RunAnewAsync(service, new($"{by} asked for a restart{Because(reason)}", Anew: false, isPersonal), ct);

    public Task<RestartOutcome> RecreateAsync(
        string service,
        string by,
        string reason,
        bool isPersonal,
        CancellationToken ct
    ) => RunAnewAsync(service, new($"{by} asked for other containers{Because(reason)}", Anew: true, isPersonal), ct);

    private async Task<RestartOutcome> RunAnewAsync(string service, AskedRestart asks, CancellationToken ct)
    {
        if (desired?.Service(service) is not { } wanted)
            return new RestartOutcome.NoSuchService();
        storage.Wishes.Clear(service);
        string?[] answers;
        try
        {
            answers = await Task.WhenAll(Ask(wanted, asks, _ => true)).WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            asked.Withdraw(SlotsOf(wanted));
            throw;
        }
        return answers.FirstOrDefault(a => a is not null) is { } why
            ? new RestartOutcome.NotRestarted(why)
            : new RestartOutcome.Restarted();
    }

    /// <summary>What the Health room has to say about a run of a container.</summary>
    public void Report(HealthVerdict verdict)
    {
        lock (gate)
            verdicts[verdict.ContainerId] = verdict;
        wakeups.Wake();
    }

    /// <summary>What the Ingress room has to say about the containers that it knows.</summary>
    public void Report(Traffic now)
    {
        lock (gate)
            traffic = now;
        wakeups.Wake();
    }

    /// <summary>What the Healing room has to say.</summary>
    public void Report(Care now)
    {
        lock (gate)
        {
            care = now;
            lanes.Ladder = now.Ladder;
            Show(v => v with { Problems = now.Problems });
        }
        wakeups.Wake();
    }

    /// <summary>Who asks the agent anything finds the release's services known.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        PublishWithoutEngine();
        return base.StartAsync(cancellationToken);
    }

    /// <summary>Updates and Health have ended before: nobody judges what stops now.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        var goesDown = await machine.Shutdown.IsUnderWayAsync();
        // Steps under way have a limit of their own; stopping beside them what they start would be in vain.
        await base.StopAsync(goesDown ? CancellationToken.None : cancellationToken);
        if (goesDown && desired is { } wanted)
            await applicationStop.RunAsync(wanted);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var watching = watch.RunAsync(stoppingToken);
        try
        {
            // The watch ends only with the agent, and a step faults only for a bug: either must end the agent.
            await await Task.WhenAny(LoopAsync(stoppingToken), watching, lanes.Fault);
        }
        finally
        {
            await lanes.EndAsync();
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
        var underWay = lanes.UnderWay;

        ObservedState observed;
        try
        {
            observed = await observer.ObserveAsync(wanted, ct);
        }
        catch (EngineUnavailableException e)
        {
            log.PassAbandoned(e.Message);
            watch.Doubt(e);
            return SignOfLife;
        }
        catch (DockerEngineException e)
        {
            // It answers, and refuses: asking again at once would only keep it busy.
            log.PassAbandoned(e.Message);
            return AfterRefusal;
        }

        // What ends with the machine is neither to be repaired nor told.
        if (await machine.Shutdown.IsUnderWayAsync())
            return SignOfLife;

        // What was wanted when the look began may not be wanted any more.
        if (!ReferenceEquals(desired, wanted))
            return TimeSpan.Zero;

        var now = clock.GetUtcNow();
        if (outside.Journal.Running is { } operation)
            asked.AnswerOthers($"{operation.Name} is under way", underWay);
        else if (outside.Holds.Current is { } hold)
            asked.AnswerOthers(Words.Of(hold), underWay);
        var inputs = InputsOf(wanted, observed, underWay, now);
        var plan = Planner.Make(inputs);
        if (Look(plan))
        {
            // Before anybody counts on who is healthy only for a moment.
            inputs = InputsOf(wanted, observed, underWay, now);
            plan = Planner.Make(inputs);
        }
        Adopt(plan);
        asked.AnswerHeldUp(plan, underWay);
        foreach (var step in plan.Steps.DistinctBy(s => s.Lane))
            lanes.Launch(step, begin => BeginFor(wanted, step, begin));
        if (!Publish(wanted, plan, inputs))
            return TimeSpan.Zero;
        var isNews = passing.Remember(plan, now);
        // After the news of them is told, so that it is told once.
        foreach (var completion in plan.Completed.Where(c => storage.Completions.Of(c.Slot, c.ConfigHash) != c))
            storage.Completions.Put(completion);
        Remember(observed);
        // What has just become ready may make it the turn of the next.
        if (isNews)
            return TimeSpan.Zero;
        return plan.WakeAt is { } at && at - now < SignOfLife ? at - now : SignOfLife;
    }

    private bool Look(Plan plan)
    {
        lock (gate)
            return flaps.Look(plan, options.CurrentValue.Flapping, e => storage.Events.Append(e));
    }

    /// <summary>
    /// Lets a step begin if what it was planned for is still wanted. What another definition did is forgotten when it is
    /// replaced, and nothing of it may be counted after that.
    /// </summary>
    private bool BeginFor(DesiredState wanted, Step step, Action begin)
    {
        lock (gate)
        {
            if (!ReferenceEquals(desired, wanted) || IsHeldBack(step))
                return false;
            begin();
            return true;
        }
    }

    /// <summary>Whether something was begun since it was planned, beside which it is not to be done.</summary>
    private bool IsHeldBack(Step step)
    {
        if (step.Streak is null)
            return false;
        var isChanging = outside.Journal.Running is not null;
        return isChanging ? step is Step.Recreate or Step.ReloadImage : outside.Holds.Current is not null;
    }

    private PlanningInputs InputsOf(
        DesiredState wanted,
        ObservedState observed,
        IReadOnlyDictionary<string, Step> underWay,
        DateTimeOffset now
    )
    {
        lock (gate)
        {
            // Verdicts and requests of what is gone would pile up.
            var ids = observed.Containers.Select(c => c.Id).ToHashSet();
            foreach (var gone in verdicts.Keys.Where(id => !ids.Contains(id)).ToList())
                verdicts.Remove(gone);
            foreach (var gone in toldOfMemory.Keys.Where(id => !ids.Contains(id)).ToList())
                toldOfMemory.Remove(gone);
            return new PlanningInputs(
                wanted,
                observed,
                storage.Wishes.All(),
                storage.Restarts.Of,
                storage.Completions.Of,
                new Dictionary<string, HealthVerdict>(verdicts),
                asked.Pending,
                underWay,
                lanes.Failures,
                seen,
                traffic,
                passing.LeavingSince,
                passing.ReadySince,
                options.CurrentValue.Backoff,
                machine.Boot.At,
                now
            )
            {
                AskedAnew = asked.Anew,
                Flapping = flaps.Current(options.CurrentValue.Flapping, now),
                Care = care,
                Spent = outside.Ledger.All,
                Hold = outside.Holds.Current,
                UnderWay = outside.Journal.Running?.Name,
            };
        }
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
            ForgiveLatest();
        }

        Show(v => v with { Engine = engine });
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
        seen.UnionWith(observed.LoadedImages);
        seen.UnionWith(observed.Containers.Where(c => c.Ours).Select(c => c.Name));
    }

    /// <returns>False: the plan is for what is not wanted any more, and nobody was told of it.</returns>
    private bool Publish(DesiredState wanted, Plan plan, PlanningInputs inputs)
    {
        var now = inputs.Now;
        lock (gate)
        {
            if (!ReferenceEquals(desired, wanted))
                return false;
            var services = ViewBuilder.Services(plan, storage.Restarts.Of, known, now);
            TellNews(plan, services);
            known = services.ToDictionary(s => s.Name);
            Show(v =>
                v with
                {
                    Engine = watch.View,
                    Services = services,
                    Targets = ViewBuilder.Targets(plan),
                    Published = PublishedServices.Of(plan, inputs),
                    IsTidy = plan.IsTidy,
                    IsStill = plan.IsStill,
                }
            );
            return true;
        }
    }

    private void TellNews(Plan plan, IReadOnlyList<ServiceView> services)
    {
        foreach (var service in services)
        {
            var isNew = plan.Completed.Any(c =>
                c.Slot.StartsWith(service.Name + "/", StringComparison.Ordinal)
                && storage.Completions.Of(c.Slot, c.ConfigHash) != c
            );
            // Another definition of the service is another story.
            var before =
                known.GetValueOrDefault(service.Name) is { } b && b.ConfigHash == service.ConfigHash ? b : null;
            if (Transitions.Between(before, service, isNew) is { } news)
                storage.Events.Append(news);
        }
        foreach (var slot in plan.Services.SelectMany(s => s.Slots))
            TellRefusal(slot);
    }

    /// <summary>Once for each change: it is found again on each pass.</summary>
    private void TellRefusal(SlotPlan slot)
    {
        // While a step is under way nothing is said either way.
        if (slot.Refusal is null && !slot.IsReady)
            return;
        if (slot.Refusal is { } refusal && refusals.GetValueOrDefault(slot.Slot) != refusal)
            storage.Events.Append(
                new(
                    EventSeverity.Warning,
                    "healing.refused",
                    slot.Slot.Service,
                    slot.Container?.Name,
                    refusal,
                    "does what is left to do, at the pace that is left"
                )
            );
        if (slot.Refusal is null)
            refusals.Remove(slot.Slot);
        else
            refusals[slot.Slot] = slot.Refusal;
    }

    /// <summary>The kernel killed something in a container, which may run on all the same.</summary>
    private void TellOfMemory(EngineEvent e)
    {
        if (e is not { Type: EventType.Container, Action: EventActions.OutOfMemory })
            return;
        var service = e.Attributes.GetValueOrDefault(Labels.Service);
        if (desired is not { } wanted || e.Attributes.GetValueOrDefault(Labels.Project) != wanted.Project)
            return;
        lock (gate)
        {
            // One that runs against its limit all the time is told of once a minute.
            if (toldOfMemory.TryGetValue(e.ActorId, out var last) && clock.GetElapsedTime(last) < MemoryNewsEvery)
                return;
            toldOfMemory[e.ActorId] = clock.GetTimestamp();
        }
        storage.Events.Append(
            new(
                EventSeverity.Warning,
                "container.out-of-memory",
                service,
                e.Attributes.GetValueOrDefault("name"),
                "the kernel killed a process of it for want of memory",
                "looks whether it is still well"
            )
        );
    }

    private void PublishWithoutEngine()
    {
        if (!watch.View.Reachable)
            asked.AnswerAll($"the engine is not reachable: {watch.View.Error}");
        lock (gate)
        {
            if (desired is { } wanted)
                Show(v =>
                    v with
                    {
                        Engine = watch.View,
                        Services = ViewBuilder.WithoutEngine(wanted, v, watch.View, clock.GetUtcNow()),
                        Targets = [],
                    }
                );
        }
    }

    private void Show(Func<SupervisionView, SupervisionView> change)
    {
        lock (gate)
        {
            var next = change(view);
            if (ViewsAlike.Are(view, next))
                return;
            Volatile.Write(ref view, next);
            var signal = changed;
            changed = NewSignal();
            signal.TrySetResult();
        }
    }

    /// <summary>What another definition of a service did is not held against this one.</summary>
    private void ForgiveChanged(DesiredState? before, DesiredState next)
    {
        var others = next.Services.Where(s => before?.Service(s.Name) is { } past && past.ConfigHash != s.ConfigHash);
        // Each try of a new version begins anew.
        var tried = next.Services.Where(s => s.Canary is not null && before?.Service(s.Name)?.Canary is null);
        foreach (
            var slot in others.SelectMany(SlotsOf).Concat(tried.Select(s => s.CanarySlot)).Select(s => s.ToString())
        )
        {
            storage.Restarts.Forget(slot);
            lanes.Forgive(slot);
        }
    }

    /// <summary>A person's wish forgets the failures before it, and how a one-shot ended.</summary>
    private List<Task<string?>> Ask(DesiredService service, AskedRestart request, Func<Slot, bool> which)
    {
        var answers = new List<Task<string?>>();
        foreach (var slot in SlotsOf(service))
        {
            storage.Restarts.Forget(slot.ToString());
            lanes.Forgive(slot.ToString());
            lock (gate)
                flaps.Forgive(slot);
            if (!which(slot))
                continue;
            storage.Completions.Forget(slot.ToString(), service.ConfigHash);
            answers.Add(asked.Ask(slot, request));
        }

        wakeups.Wake();
        return answers;
    }

    private bool IsUp(Slot slot) =>
        View.Service(slot.Service)
            ?.Containers.Any(c =>
                c.IsCurrent && c.Replica == slot.Replica && c.State is "running" or "paused" or "restarting"
            ) == true;

    /// <summary>An engine that goes takes containers with it, and refuses to start them: that is no container's fault.</summary>
    private void ForgiveLatest()
    {
        var now = clock.GetUtcNow();
        lanes.ForgiveAll();
        foreach (var slot in desired?.Services.SelectMany(SlotsOf) ?? [])
        {
            if (storage.Restarts.Of(slot.ToString()) is { } record && now - record.LastAt < EngineGoing)
                storage.Restarts.Put(record with { Streak = 0 });
        }
    }

    private static IEnumerable<Slot> SlotsOf(DesiredService service) =>
        Enumerable.Range(1, service.Replicas).Select(n => new Slot(service.Name, n));

    private static HashSet<string> NamesOf(DesiredState state) => [.. state.Services.Select(s => s.Name)];

    private static string Because(string reason) => reason.Length > 0 ? $" ({reason})" : "";

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
