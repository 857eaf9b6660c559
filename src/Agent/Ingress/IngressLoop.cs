using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Ingress;

/// <summary>
/// Makes HAProxy send requests to the containers that supervision publishes, and tells supervision which have them. Each pass
/// starts from what HAProxy says of itself, so a killed agent, a killed HAProxy, or a hand on either needs no path of its own.
/// It sleeps until the view changes or HAProxy comes or goes; while requests are waited for, it looks every 100 ms.
/// </summary>
internal sealed class IngressLoop : BackgroundService, IHostedLifecycleService
{
    private static readonly TimeSpan WhileDraining = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AfterFullDisk = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FirstWord = TimeSpan.FromSeconds(2);

    private readonly ISupervisor supervisor;
    private readonly RuntimeApi api;
    private readonly IngressCertificates certificates;
    private readonly IngressFolder folder;
    private readonly IngressCounters counters;
    private readonly IOptionsMonitor<IngressOptions> options;
    private readonly TimeProvider clock;
    private readonly ILogger<IngressLoop> log;

    private readonly Drains drains;
    private readonly Closing closing;
    private readonly Adopted adopted;
    private readonly OldWorkers oldWorkers;
    private readonly WantedShapes wanted;
    private readonly StartFile file;
    private readonly Reloads reloads;
    private readonly ServerMoves moves;
    private readonly Absence absence;
    private readonly Wakes wakes;
    private readonly Told told;
    private readonly IDisposable? listening;

    private (int Pid, string? Hash)? running;
    private (string Hash, IngressShape Shape, HaproxyText Text)? used;
    private bool wasThere;
    private int? lastWorker;

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
        (this.options, this.clock, this.log) = (options, clock, log);
        drains = new Drains(clock);
        closing = new Closing(clock);
        adopted = new Adopted(clock);
        oldWorkers = new OldWorkers(counters, clock);
        wanted = new WantedShapes(folder, adopted, events, log);
        file = new StartFile(configuration, folder, events, log);
        reloads = new Reloads(api, configuration, certificates, folder, file, oldWorkers, events, clock, log);
        moves = new ServerMoves(api, counters, adopted, events, log);
        absence = new Absence(events, clock, log);
        wakes = new Wakes(supervisor, api, clock);
        told = new Told(supervisor);
        listening = options.OnChange((_, _) => wakes.Nudge());
        certificates.WhenUnused = wakes.Nudge;
    }

    public IngressView View => told.View;

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
                told.Serves();
        }
        catch (HaproxyException) { }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Whoever has the socket and is slow may well serve.
            told.Serves();
        }
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Dispose()
    {
        certificates.WhenUnused = null;
        listening?.Dispose();
        wakes.Dispose();
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
                await wakes.WaitAsync(seen, wait, stoppingToken);
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
            told.Report(Traffic.None);
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
                told.Show(View with { Problem = $"HAProxy does not answer: {e.Message}" });
            return AfterFailure;
        }
    }

    private async Task<TimeSpan> LookAsync(SupervisionView seen, IngressOptions set, CancellationToken ct)
    {
        var workers = await api.WorkersAsync(ct);
        if (workers.Current is not { } pid)
            throw new HaproxyException("it has no worker", isGone: true);
        wakes.Watch(ct);
        if (running?.Pid != pid)
            await AttachAsync(pid, workers, ct);

        var rows = await counters.LookAsync(pid, isNew: wasThere, ct);
        if (!wasThere)
            adopted.Begin(StatRow.SlotsOf(rows));
        wasThere = true;
        var old = await oldWorkers.LookAsync(workers, wanted.TextOf(set).LongestIdle, isNew: wasThere, ct);

        var untilCertificate = await certificates.EnsureInUseAsync(pid, ct);

        // Right after a start supervision has not looked yet; who ran before knew more.
        if (!IsKnown(seen) && running?.Hash is not null)
        {
            told.Serves();
            return Wakes.Soonest([oldWorkers.NextLook(old), untilCertificate]);
        }

        var published = wanted.Usable(seen.Published);
        adopted.Look(published);
        var shape = wanted.Of(published, set, StatRow.SlotsOf(rows));
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
            rows = await counters.LookAsync(pid, isNew: true, ct);
            old = await oldWorkers.LookAsync(workers, wanted.TextOf(set).LongestIdle, isNew: wasThere, ct);
        }
        var isShape = running?.Hash == hash;
        if (isShape)
        {
            used = (hash, shape, text);
            reloads.Forget();
        }

        var (didAll, didAny) = await moves.MakeAsync(pid, published, shape, StatRow.SlotsOf(rows), ct);
        if (didAny)
            rows = await api.StatAsync(pid, ct);
        var slots = StatRow.SlotsOf(rows);
        if (used is { } use && use.Hash == running?.Hash)
            file.WriteServers(use.Text.Of(use.Shape, slots), use.Hash);

        foreach (var late in drains.Look(published, slots, old))
            moves.GiveUpOn(late);
        var (isClosed, left) = closing.Look(published, shape, slots, old);
        await moves.CutOffAsync(pid, left, ct);
        told.Report(
            running?.Hash is null
                ? Traffic.None
                : TrafficReport.Of(
                    published,
                    shape,
                    rows,
                    old,
                    drains.Drained,
                    Told.ListensInside(),
                    WantedShapes.KeptFrom(seen.Published, published),
                    isClosed
                )
        );
        told.Show(new IngressView(running?.Hash is not null, workers.Version, isShape ? null : reloads.Problem));

        return Wakes.Soonest([
            drains.AreUnderWay || closing.IsUnderWay ? WhileDraining : null,
            oldWorkers.NextLook(old),
            didAll ? null : AfterFailure,
            isShape && !file.IsWritten ? AfterFullDisk : null,
            adopted.Left,
            reloads.PauseFor(hash),
            untilCertificate,
        ]);
    }

    /// <summary>Supervision has told what there is, and be it nothing.</summary>
    private static bool IsKnown(SupervisionView seen) => seen.Published.Count > 0 || seen.IsTidy;

    private async Task AttachAsync(int pid, Workers workers, CancellationToken ct)
    {
        running = (pid, await api.ShapeOfAsync(pid, ct));
        // Away for too short a time to be missed, as when systemd starts it again: who counts from 0 is another one.
        absence.End(isAnother: lastWorker is { } last && last != pid && workers.Reloads == 0);
        lastWorker = pid;
        file.PutBackUnproven(proven => proven == running?.Hash);
        log.Found(workers.Version, pid);
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
        if (absence.Begin() && seen.Published.Count == 0)
            file.PutBackUnproven(_ => true);
        if (told.IsServing && absence.IsMomentary)
            return absence.NextLook(isWanted: true);
        told.Report(Traffic.None);
        told.Show(new IngressView(false, "", $"HAProxy is not reached: {why}"));
        var isWanted = seen.Published.Count > 0;
        absence.Tell(why, wasThere, isWanted);
        if (isWanted)
            await WriteForStartAsync(seen, ct);
        else if (IsKnown(seen))
            adopted.Look([]);
        return absence.NextLook(isWanted);
    }

    private async Task WriteForStartAsync(SupervisionView seen, CancellationToken ct)
    {
        var set = options.CurrentValue;
        var published = wanted.Usable(seen.Published);
        adopted.Look(published);
        var text = wanted.TextOf(set);
        var shape = wanted.Startable(wanted.Of(published, set, []), set);
        var content = text.Of(shape, wanted.FreshSlots(published, shape));
        await reloads.PrepareAsync(text.HashOf(shape), content, ct);
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
}
