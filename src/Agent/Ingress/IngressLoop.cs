using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Ingress;

/// <summary>What ingress is doing, for people.</summary>
/// <param name="Version">HAProxy's; empty: it is not there.</param>
/// <param name="Problem">Why it does not run what is wanted, a sentence without its full stop; null: it does.</param>
internal sealed record IngressView(bool IsServing, string Version, string? Problem);

/// <summary>
/// Makes HAProxy send requests to the containers that supervision publishes, and tells supervision which have them. Each pass
/// starts from what HAProxy says of itself, so a killed agent, a killed HAProxy, or a hand on either needs no path of its own.
/// It sleeps until the view changes or HAProxy comes or goes; while requests are waited for, it looks every 100 ms.
/// </summary>
internal sealed class IngressLoop : BackgroundService, IHostedLifecycleService
{
    private static readonly TimeSpan WhileDraining = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AfterFullDisk = TimeSpan.FromSeconds(10);

    // A master that reloads is away for a moment; its workers are not.
    private static readonly TimeSpan Absence = TimeSpan.FromSeconds(2);

    // Both may be starting, with the machine.
    private static readonly TimeSpan Arrival = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LookOften = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LookSeldom = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FirstWord = TimeSpan.FromSeconds(2);

    private readonly ISupervisor supervisor;
    private readonly RuntimeApi api;
    private readonly IngressCertificates certificates;
    private readonly IngressFolder folder;
    private readonly IngressCounters counters;
    private readonly IOptionsMonitor<IngressOptions> options;
    private readonly EventLog events;
    private readonly TimeProvider clock;
    private readonly ILogger<IngressLoop> log;

    private readonly Drains drains;
    private readonly Adopted adopted;
    private readonly OldWorkers oldWorkers;
    private readonly WantedShapes wanted;
    private readonly StartFile file;
    private readonly Reloads reloads;
    private readonly SemaphoreSlim nudged = new(0);
    private readonly IDisposable? listening;

    private (int Pid, string? Hash)? running;
    private (string Hash, IngressShape Shape, HaproxyText Text)? used;
    private Traffic told = Traffic.None;
    private Task? watching;
    private long? absentSince;
    private bool wasThere;
    private bool isAbsenceTold;
    private IngressView view = new(false, "", null);

    public IngressLoop(
        ISupervisor supervisor,
        RuntimeApi api,
        HaproxyConfiguration configuration,
        IngressCertificates certificates,
        IngressFolder folder,
        IngressCounters counters,
        IOptionsMonitor<IngressOptions> options,
        EventLog events,
        TimeProvider clock,
        ILogger<IngressLoop> log
    )
    {
        (this.supervisor, this.api) = (supervisor, api);
        (this.certificates, this.folder, this.counters) = (certificates, folder, counters);
        (this.options, this.events, this.clock, this.log) = (options, events, clock, log);
        drains = new Drains(clock);
        adopted = new Adopted(clock);
        oldWorkers = new OldWorkers(api, counters, clock);
        wanted = new WantedShapes(folder, adopted, events, log);
        file = new StartFile(configuration, folder, events, log);
        reloads = new Reloads(api, configuration, certificates, folder, file, oldWorkers, events, clock, log);
        listening = options.OnChange((_, _) => nudged.Release());
        certificates.Unused += Nudge;
    }

    public IngressView View => Volatile.Read(ref view);

    /// <summary>
    /// Before supervision looks for the first time: with nobody serving it would end containers without waiting for their
    /// requests.
    /// </summary>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (!options.CurrentValue.Enabled)
            return;
        using var limit = new CancellationTokenSource(FirstWord, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            var workers = await api.WorkersAsync(either.Token);
            if (workers.Current is { } worker && await api.ShapeOfAsync(worker, either.Token) is not null)
                Tell(Traffic.None with { IsServing = true, ListensInside = ListensInside() });
        }
        catch (HaproxyException) { }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Whoever has the socket and is slow may well serve.
            Tell(Traffic.None with { IsServing = true, ListensInside = ListensInside() });
        }
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Dispose()
    {
        certificates.Unused -= Nudge;
        listening?.Dispose();
        nudged.Dispose();
        oldWorkers.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var seen = supervisor.View;
                var wait = await PassAsync(seen, stoppingToken);
                await WaitAsync(seen, wait, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    /// <summary>One pass: look, change what differs, tell.</summary>
    /// <returns>How long until the next is due if nothing happens.</returns>
    internal async Task<TimeSpan> PassAsync(SupervisionView seen, CancellationToken ct)
    {
        if (!options.CurrentValue.Enabled)
        {
            Tell(Traffic.None);
            return Timeout.InfiniteTimeSpan;
        }
        try
        {
            return await LookAsync(seen, options.CurrentValue, ct);
        }
        catch (HaproxyException e) when (e.IsGone)
        {
            return await BeWithoutAsync(seen, e.Message, ct);
        }
        catch (HaproxyException e)
        {
            log.IngressPassAbandoned(e.Message);
            // Its workers may serve all the same: what was told of them holds until something else is known.
            if (e.IsSilent)
                Show(View with { Problem = $"HAProxy does not answer: {e.Message}" });
            return AfterFailure;
        }
    }

    private async Task WaitAsync(SupervisionView seen, TimeSpan atMost, CancellationToken ct)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(ct);
        List<Task> wakes =
        [
            supervisor.WaitForChangeAsync(seen, waiting.Token),
            nudged.WaitAsync(waiting.Token),
            Task.Delay(atMost, clock, waiting.Token),
        ];
        if (watching is not null)
            wakes.Add(watching);
        await Task.WhenAny(wakes);
        await waiting.CancelAsync();
        ct.ThrowIfCancellationRequested();
        if (watching is { IsCompleted: true })
        {
            // Its end is all that it has to say.
            _ = watching.Exception;
            watching = null;
        }
    }

    private async Task<TimeSpan> LookAsync(SupervisionView seen, IngressOptions set, CancellationToken ct)
    {
        var workers = await api.WorkersAsync(ct);
        if (workers.Current is not { } pid)
            throw new HaproxyException("it has no worker", isGone: true);
        watching ??= api.WatchAsync(ct);
        if (running?.Pid != pid)
            await AttachAsync(pid, workers, ct);

        var rows = await api.StatAsync(pid, ct);
        if (!wasThere)
            adopted.Begin(SlotsOf(rows));
        counters.Take(pid, rows, isNew: wasThere);
        wasThere = true;
        var old = await oldWorkers.LookAsync(workers, wanted.TextOf(set).LongestIdle, isNew: wasThere, ct);

        var untilCertificate = await certificates.EnsureInUseAsync(pid, ct);

        // Right after a start supervision has not looked yet; who ran before knew more.
        if (!IsKnown(seen) && running?.Hash is not null)
        {
            Tell(Traffic.None with { IsServing = true, ListensInside = ListensInside() });
            return Soonest([oldWorkers.NextLook(old), untilCertificate]);
        }

        var published = wanted.Usable(seen.Published);
        adopted.Look(published);
        var shape = wanted.Of(published, set, SlotsOf(rows));
        var text = wanted.TextOf(set);
        var hash = text.HashOf(shape);
        if (
            running?.Hash != hash
            && reloads.PauseFor(hash) is null
            && await ReloadAsync(published, shape, text, workers, ct) is { } taken
        )
        {
            (pid, running) = (taken, (taken, hash));
            workers = await api.WorkersAsync(ct);
            // It may have read the certificate's file before that was another.
            untilCertificate = await certificates.EnsureInUseAsync(pid, ct);
            rows = await api.StatAsync(pid, ct);
            counters.Take(pid, rows, isNew: true);
            old = await oldWorkers.LookAsync(workers, wanted.TextOf(set).LongestIdle, isNew: wasThere, ct);
        }
        var isShape = running?.Hash == hash;
        if (isShape)
        {
            used = (hash, shape, text);
            reloads.Forget();
        }

        var (didAll, didAny) = await MoveServersAsync(pid, published, shape, SlotsOf(rows), ct);
        if (didAny)
            rows = await api.StatAsync(pid, ct);
        var slots = SlotsOf(rows);
        if (used is { } use && use.Hash == running?.Hash)
            file.WriteServers(use.Text.Of(use.Shape, slots), use.Hash);

        foreach (var late in drains.Look(published, slots, old))
            GiveUpOn(late);
        Tell(
            running?.Hash is null
                ? Traffic.None
                : TrafficReport.Of(published, shape, slots, old, drains.Drained, ListensInside())
        );
        Show(new IngressView(running?.Hash is not null, workers.Version, isShape ? null : reloads.Problem));

        return Soonest([
            drains.AreUnderWay ? WhileDraining : null,
            oldWorkers.NextLook(old),
            didAll ? null : AfterFailure,
            isShape && !file.IsWritten ? AfterFullDisk : null,
            adopted.Left,
            reloads.PauseFor(hash),
            untilCertificate,
        ]);
    }

    private static TimeSpan Soonest(IReadOnlyList<TimeSpan?> waits) =>
        waits.Min() is not { } soonest ? Timeout.InfiniteTimeSpan
        : soonest > TimeSpan.Zero ? soonest
        : TimeSpan.Zero;

    private void Nudge() => nudged.Release();

    /// <summary>Supervision has told what there is, and be it nothing.</summary>
    private static bool IsKnown(SupervisionView seen) => seen.Published.Count > 0 || seen.IsTidy;

    private async Task AttachAsync(int pid, Workers workers, CancellationToken ct)
    {
        running = (pid, await api.ShapeOfAsync(pid, ct));
        absentSince = null;
        file.PutBackUnproven(proven => proven == running?.Hash);
        log.Found(workers.Version, pid);
        if (isAbsenceTold)
            events.Append(
                new(
                    EventSeverity.Info,
                    "ingress.back",
                    null,
                    null,
                    "HAProxy is there again.",
                    "Looks whether all is as it was."
                )
            );
        isAbsenceTold = false;
        try
        {
            await certificates.EnsureAsync(ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file.Note(folder.Certificate, e.Message);
        }
    }

    /// <summary>HAProxy starts with what the file says: what is wanted is written for it.</summary>
    private async Task<TimeSpan> BeWithoutAsync(SupervisionView seen, string why, CancellationToken ct)
    {
        running = null;
        // Until it is known what is wanted, it starts with what it ran.
        if (absentSince is null && seen.Published.Count == 0)
            file.PutBackUnproven(_ => true);
        absentSince ??= clock.GetTimestamp();
        if (told.IsServing && clock.GetElapsedTime(absentSince.Value) < Absence)
            return Between;
        Tell(Traffic.None);
        Show(new IngressView(false, "", $"HAProxy is not reached: {why}"));
        var waited = clock.GetElapsedTime(absentSince.Value);
        if (!isAbsenceTold && (wasThere || (seen.Published.Count > 0 && waited >= Arrival)))
        {
            isAbsenceTold = true;
            log.Lost(why);
            events.Append(
                new(
                    wasThere ? EventSeverity.Error : EventSeverity.Warning,
                    "ingress.lost",
                    null,
                    null,
                    $"HAProxy is not reached: {why}.",
                    "Waits for it; what it starts with is kept up to date."
                )
            );
        }
        if (seen.Published.Count > 0)
            await WriteForStartAsync(seen, ct);
        else if (IsKnown(seen))
            adopted.Look([]);
        return waited < LookOften ? Between
            : seen.Published.Count > 0 || waited < LookSeldom ? LookOften
            : LookSeldom;
    }

    private async Task WriteForStartAsync(SupervisionView seen, CancellationToken ct)
    {
        var set = options.CurrentValue;
        var published = wanted.Usable(seen.Published);
        adopted.Look(published);
        var text = wanted.TextOf(set);
        var shape = wanted.Startable(wanted.Of(published, set, []), set);
        try
        {
            var content = text.Of(shape, wanted.FreshSlots(published, shape));
            await reloads.PrepareAsync(text.HashOf(shape), content, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file.Note(folder.Configuration, e.Message);
        }
    }

    /// <returns>The worker that runs the shape; null: it is refused.</returns>
    private Task<int?> ReloadAsync(
        IReadOnlyList<PublishedService> published,
        IngressShape shape,
        HaproxyText text,
        Workers before,
        CancellationToken ct
    )
    {
        // By what the old worker runs, and not what is wanted now.
        var idle = new[] { text.LongestIdle, used?.Text.LongestIdle ?? TimeSpan.Zero }.Max();
        var content = text.Of(shape, wanted.FreshSlots(published, shape));
        return reloads.TryAsync(text.HashOf(shape), content, shape, before, running?.Hash, idle, ct);
    }

    private async Task<(bool All, bool Any)> MoveServersAsync(
        int pid,
        IReadOnlyList<PublishedService> published,
        IngressShape shape,
        IReadOnlyList<ServerSlot> slots,
        CancellationToken ct
    )
    {
        var (all, any) = (true, false);
        Know(published, shape);
        foreach (var backend in shape.Backends)
        {
            // One that a refused shape has, and what runs has not.
            if (slots.Where(s => s.Backend == backend.Name).ToList() is not { Count: > 0 } mine)
                continue;
            var desired = DesiredServers.Of(published.First(s => s.Name == backend.Service), adopted.Trusts);
            foreach (var step in ServerPlanner.Between(desired, mine, backend.Port).Steps)
            {
                any = true;
                try
                {
                    await api.RunAsync(pid, step, ct);
                    log.Taken(step);
                }
                catch (HaproxyException e) when (e is { IsGone: false, IsSilent: false })
                {
                    log.StepFailed(step, e.Message);
                    all = false;
                }
            }
        }
        return (all, any);
    }

    private void Know(IReadOnlyList<PublishedService> published, IngressShape shape) =>
        counters.Know(
            published
                .SelectMany(s => s.Servers.Select(c => (s.Name, Server: c)))
                .Where(s => s.Server.Address.Length > 0)
                .DistinctBy(s => s.Server.Address)
                .ToDictionary(s => s.Server.Address, s => new Occupant(s.Name, s.Server.ContainerId, s.Server.Role)),
            shape.Backends.ToDictionary(b => b.Name, b => b.Service)
        );

    /// <summary>
    /// What is under way is not cut off here: the stop that follows tells the application, which may know how to end a
    /// WebSocket in order, and what it leaves goes with its process.
    /// </summary>
    private void GiveUpOn(CutOff late)
    {
        log.CutOff(late.Server.Container, late.Count, late.Service.StopGrace);
        if (late.Count == 0)
            return;
        events.Append(
            new(
                EventSeverity.Warning,
                "ingress.cut-off",
                late.Service.Name,
                late.Server.Container,
                $"{late.Count} requests were under way for longer than its {late.Service.StopGrace.TotalSeconds:0.#} s.",
                $"Waits for them no longer: {late.Server.Leaving}."
            )
        );
    }

    /// <summary>Whether the route is there that makes those addresses this machine's.</summary>
    private static bool ListensInside() => InternalListeners.Ends.All(OwnAddress.Is);

    private static List<ServerSlot> SlotsOf(IReadOnlyList<StatRow> rows) =>
        [.. rows.Where(r => r.IsServer).Select(r => r.ToSlot())];

    private void Tell(Traffic traffic)
    {
        if (TrafficReport.Same(told, traffic))
            return;
        told = traffic;
        supervisor.Report(traffic);
    }

    private void Show(IngressView next)
    {
        if (View != next)
            Volatile.Write(ref view, next);
    }
}
