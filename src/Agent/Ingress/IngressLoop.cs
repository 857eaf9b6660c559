using System.Net;
using System.Net.Sockets;
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
    private static readonly TimeSpan WhileTakingOver = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AfterFullDisk = TimeSpan.FromSeconds(10);

    // A master that reloads is away for a moment; its workers are not.
    private static readonly TimeSpan Absence = TimeSpan.FromSeconds(2);

    // Both may be starting, with the machine.
    private static readonly TimeSpan Arrival = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LookOften = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LookSeldom = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan ReloadLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan FirstWord = TimeSpan.FromSeconds(2);

    private readonly ISupervisor supervisor;
    private readonly RuntimeApi api;
    private readonly HaproxyConfiguration configuration;
    private readonly IngressCertificates certificates;
    private readonly IngressFolder folder;
    private readonly IngressCounters counters;
    private readonly IOptionsMonitor<IngressOptions> options;
    private readonly EventLog events;
    private readonly TimeProvider clock;
    private readonly ILogger<IngressLoop> log;

    private readonly Drains drains;
    private readonly Adopted adopted;
    private readonly SemaphoreSlim nudged = new(0);
    private readonly IDisposable? listening;
    private readonly Dictionary<int, long> retired = [];
    private readonly Dictionary<int, IDisposable> held = [];
    private readonly HashSet<string> leftOut = [];

    private (int Pid, string? Hash)? running;
    private (string Hash, IngressShape Shape, HaproxyText Text)? used;
    private string? written;
    private Refusal? refusal;
    private Traffic told = Traffic.None;
    private Task? watching;
    private long? absentSince;
    private bool wasThere;
    private bool isAbsenceTold;
    private bool isFileTold;
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
        (this.supervisor, this.api, this.configuration) = (supervisor, api, configuration);
        (this.certificates, this.folder, this.counters) = (certificates, folder, counters);
        (this.options, this.events, this.clock, this.log) = (options, events, clock, log);
        drains = new Drains(clock);
        adopted = new Adopted(clock);
        listening = options.OnChange((_, _) => nudged.Release());
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
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested) { }
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Dispose()
    {
        listening?.Dispose();
        nudged.Dispose();
        foreach (var hold in held.Values)
            hold.Dispose();
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

        var rows = await counters.LookAsync(pid, isNew: wasThere, ct);
        if (!wasThere)
            adopted.Begin(SlotsOf(rows));
        wasThere = true;
        var old = await LookAtOldAsync(workers, set, ct);

        // Right after a start supervision has not looked yet; who ran before knew more.
        if (!IsKnown(seen) && running?.Hash is not null)
        {
            Tell(Traffic.None with { IsServing = true, ListensInside = ListensInside() });
            return NextLookAtOld(old) ?? Timeout.InfiniteTimeSpan;
        }

        var published = Usable(seen.Published);
        adopted.Look(published);
        var shape = ShapeOf(published, set, SlotsOf(rows));
        var text = TextOf(set);
        var hash = text.HashOf(shape);
        if (
            running?.Hash != hash
            && refusal?.LeftFor(hash, clock) is null
            && await ReloadAsync(published, shape, text, workers, ct)
        )
        {
            workers = await api.WorkersAsync(ct);
            pid = running!.Value.Pid;
            rows = await counters.LookAsync(pid, isNew: true, ct);
            old = await LookAtOldAsync(workers, set, ct);
        }
        var isShape = running?.Hash == hash;
        if (isShape)
            (refusal, used) = (null, (hash, shape, text));

        var (didAll, didAny) = await MoveServersAsync(pid, published, shape, SlotsOf(rows), ct);
        if (didAny)
            rows = await api.StatAsync(pid, ct);
        var slots = SlotsOf(rows);
        if (used is { } use && use.Hash == running?.Hash)
            WriteServers(use.Text.Of(use.Shape, slots));

        foreach (var late in drains.Look(published, slots, old))
            GiveUpOn(late);
        Tell(
            running?.Hash is null
                ? Traffic.None
                : TrafficReport.Of(published, shape, slots, old, drains.Drained, ListensInside())
        );
        Show(new IngressView(running?.Hash is not null, workers.Version, isShape ? null : refusal?.Why));

        var waits = new List<TimeSpan>();
        if (drains.AreUnderWay)
            waits.Add(WhileDraining);
        if (NextLookAtOld(old) is { } next)
            waits.Add(next);
        if (!didAll)
            waits.Add(AfterFailure);
        if (isShape && written is null)
            waits.Add(AfterFullDisk);
        if (adopted.Left is { } left)
            waits.Add(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        if (refusal?.LeftFor(hash, clock) is { } pause)
            waits.Add(pause);
        return waits.Count > 0 ? waits.Min() : Timeout.InfiniteTimeSpan;
    }

    /// <summary>Supervision has told what there is, and be it nothing.</summary>
    private static bool IsKnown(SupervisionView seen) => seen.Published.Count > 0 || seen.IsTidy;

    private async Task AttachAsync(int pid, Workers workers, CancellationToken ct)
    {
        running = (pid, await api.ShapeOfAsync(pid, ct));
        absentSince = null;
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
            await certificates.EnsureInUseAsync(pid, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            NoteFile(folder.Certificate, e.Message);
        }
        catch (HaproxyException e) when (!e.IsGone)
        {
            log.CertificateNotTaken(e.Message);
        }
    }

    /// <summary>HAProxy starts with what the file says: what is wanted is written for it.</summary>
    private async Task<TimeSpan> BeWithoutAsync(SupervisionView seen, string why, CancellationToken ct)
    {
        running = null;
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
        return waited < LookOften ? Between
            : seen.Published.Count > 0 || waited < LookSeldom ? LookOften
            : LookSeldom;
    }

    private async Task WriteForStartAsync(SupervisionView seen, CancellationToken ct)
    {
        var set = options.CurrentValue;
        var published = Usable(seen.Published);
        adopted.Look(published);
        var shape = ShapeOf(published, set, []);
        var text = TextOf(set);
        var hash = text.HashOf(shape);
        if (refusal?.LeftFor(hash, clock) is not null)
            return;
        try
        {
            var content = text.Of(shape, FreshSlots(published, shape));
            if (content == written || content == configuration.Read())
                return;
            if (await CheckAsync(content, ct) is { } words)
            {
                Refuse(hash, words);
                return;
            }
            configuration.Promote();
            written = content;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            NoteFile(folder.Configuration, e.Message);
        }
    }

    private async Task<string?> CheckAsync(string content, CancellationToken ct)
    {
        configuration.EnsureMaintenancePage();
        await certificates.EnsureAsync(ct);
        return await configuration.CheckAsync(content, ct);
    }

    private async Task<bool> ReloadAsync(
        IReadOnlyList<PublishedService> published,
        IngressShape shape,
        HaproxyText text,
        Workers before,
        CancellationToken ct
    )
    {
        var hash = text.HashOf(shape);
        var content = text.Of(shape, FreshSlots(published, shape));
        IDisposable? hold = null;
        try
        {
            if (await CheckAsync(content, ct) is { } words)
            {
                Refuse(hash, words);
                return false;
            }
            var good = configuration.Read();
            configuration.Promote();
            hold = await api.HoldAsync(ct);
            var retiring = clock.GetTimestamp();
            var said = await api.ReloadAsync(ct);
            var now = await NewWorkersAsync(before, ct);
            if (now.Current is { } pid && pid != before.Current && await api.ShapeOfAsync(pid, ct) == hash)
            {
                retired[before.Current!.Value] = retiring;
                if (hold is not null)
                    held[before.Current.Value] = hold;
                hold = null;
                running = (pid, hash);
                written = content;
                log.Reloaded(hash, pid, before.Current.Value);
                events.Append(
                    new(
                        EventSeverity.Info,
                        "ingress.reloaded",
                        null,
                        null,
                        "What is reached through ingress, or how, has changed.",
                        $"HAProxy took it over without closing a connection ({shape.Routes.Count} routes, {shape.Listeners.Count} ports)."
                    )
                );
                return true;
            }
            // It goes on as it was, and its next start must too.
            if (good is null)
                File.Delete(folder.Configuration);
            else
                configuration.Write(good);
            Refuse(
                hash,
                said.Length > 0
                    ? HaproxyConfiguration.Alerts(said)
                    : "the new process did not start; HAProxy's log says why"
            );
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Refuse(hash, $"{folder.Configuration} cannot be written: {e.Message}");
            return false;
        }
        finally
        {
            hold?.Dispose();
        }
    }

    private async Task<Workers> NewWorkersAsync(Workers before, CancellationToken ct)
    {
        var since = clock.GetTimestamp();
        var now = before;
        while (clock.GetElapsedTime(since) < ReloadLimit)
        {
            try
            {
                now = await api.WorkersAsync(ct);
                if (now.Reloads != before.Reloads && (now.Current != before.Current || now.FailedReloads > 0))
                    return now;
            }
            catch (HaproxyException e) when (e.IsGone)
            {
                // It begins anew.
            }
            await Task.Delay(Between, clock, ct);
        }
        return now;
    }

    private void Refuse(string hash, string why)
    {
        var isNews = refusal?.Hash != hash || refusal.Why != why;
        refusal = Refusal.Of(refusal, hash, why, clock);
        if (!isNews)
            return;
        log.Refused(hash, why);
        events.Append(
            new(
                EventSeverity.Error,
                "ingress.refused",
                null,
                null,
                $"HAProxy does not take what is to be reached through ingress: {why}.",
                "The configuration before it stays in use; tries again from time to time."
            )
        );
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
                catch (HaproxyException e) when (!e.IsGone)
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

    private void WriteServers(string content)
    {
        try
        {
            written ??= configuration.Read();
            if (content == written)
                return;
            configuration.Write(content);
            written = content;
            isFileTold = false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            written = null;
            NoteFile(folder.Configuration, e.Message);
        }
    }

    private void NoteFile(string file, string why)
    {
        if (isFileTold)
            return;
        isFileTold = true;
        log.FileNotWritten(file, why);
        events.Append(
            new(
                EventSeverity.Error,
                "ingress.not-written",
                null,
                null,
                $"{file} cannot be written: {why}.",
                "Requests go where they should; HAProxy would start with what was written last. Tries again."
            )
        );
    }

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

    private async Task<IReadOnlyList<OldWorker>> LookAtOldAsync(
        Workers workers,
        IngressOptions set,
        CancellationToken ct
    )
    {
        foreach (var gone in retired.Keys.Except(workers.Old).ToList())
        {
            retired.Remove(gone);
            LetGo(gone);
        }
        var old = new List<OldWorker>();
        foreach (var pid in workers.Old)
        {
            retired.TryAdd(pid, clock.GetTimestamp());
            try
            {
                var rows = await counters.LookAsync(pid, isNew: wasThere, ct);
                // Nobody is connected any more, so that it counts nothing more.
                if (rows.Where(r => r.IsFrontend).All(r => r.Current == 0))
                    LetGo(pid);
                // What was idle when it retired is closed after this time; what is idle later has asked, and was answered.
                var mayBeAsked =
                    clock.GetElapsedTime(retired[pid]) < set.KeepAliveTimeout + AfterFailure
                    && rows.Any(r => r is { IsFrontend: true, IsHttp: true, HasIdleClients: true });
                old.Add(new OldWorker(pid, rows, mayBeAsked));
            }
            catch (HaproxyException e) when (e.IsGone)
            {
                // It has ended, and so has everything of it.
            }
        }
        counters.Forget(workers);
        return old;
    }

    /// <summary>Most have ended within moments; what lasts for hours needs no haste.</summary>
    private TimeSpan? NextLookAtOld(IReadOnlyList<OldWorker> old) =>
        old.Any(o => o.MayBeAsked || clock.GetElapsedTime(retired[o.Pid]) < Soon) ? WhileTakingOver
        : held.Count > 0 ? LookSeldom
        : null;

    private void LetGo(int worker)
    {
        if (held.Remove(worker, out var hold))
            hold.Dispose();
    }

    /// <summary>With addresses as HAProxy writes them, and without the listeners that it could not open, nor start with.</summary>
    private List<PublishedService> Usable(IReadOnlyList<PublishedService> published)
    {
        List<PublishedService> usable = [];
        foreach (var service in published.DistinctBy(s => s.Name))
        {
            var servers = service.Servers.Select(s =>
                s with
                {
                    Address = IPAddress.TryParse(s.Address, out var address) ? address.ToString() : "",
                }
            );
            usable.Add(service with { Servers = [.. servers], Internal = Usable(service) });
        }
        return usable;
    }

    private InternalListener? Usable(PublishedService service)
    {
        if (service.Internal is not { } inside)
            return null;
        var addresses = inside.Addresses.Where(a => Usable(service, a, OwnAddress.Is(a), "no address of this machine"));
        inside = inside with { Addresses = [.. addresses] };
        var ports = inside.Ports.Where(p =>
            inside.Addresses.All(a => Usable(service, $"{a}:{p.Port}", OwnAddress.IsFree(a, p.Port), "somebody else's"))
        );
        return inside with { Ports = [.. ports] };
    }

    private bool Usable(PublishedService service, string what, bool can, string whyNot)
    {
        if (!can)
            LeaveOut($"{service.Name} from other services: {what} is {whyNot}");
        return can;
    }

    /// <summary>Whether the route is there that makes those addresses this machine's.</summary>
    private static bool ListensInside() => InternalListeners.Ends.All(OwnAddress.Is);

    private IngressShape ShapeOf(
        IReadOnlyList<PublishedService> published,
        IngressOptions set,
        IReadOnlyList<ServerSlot> slots
    )
    {
        var addresses = published.SelectMany(s => s.Servers).Select(s => s.Address).ToHashSet();
        var shape = IngressShape.Of(
            published,
            set,
            name =>
            {
                var mine = slots.Where(s => s.Backend == name).ToList();
                return (mine.Count, mine.Count(s => s.InUse > 0 && !addresses.Contains(s.Address ?? "")));
            }
        );
        foreach (var what in shape.LeftOut)
            LeaveOut(what);
        return shape;
    }

    private void LeaveOut(string what)
    {
        if (!leftOut.Add(what))
            return;
        log.LeftOut(what);
        events.Append(
            new(
                EventSeverity.Warning,
                "ingress.left-out",
                null,
                null,
                $"Not reached through ingress: {what}.",
                "Left it out."
            )
        );
    }

    private List<ServerSlot> FreshSlots(IReadOnlyList<PublishedService> published, IngressShape shape) =>
        [
            .. shape.Backends.SelectMany(b =>
                ServerPlanner
                    .Between(
                        DesiredServers.Of(published.First(s => s.Name == b.Service), adopted.Trusts),
                        [.. ServerSlot.EmptyOf(b)],
                        b.Port
                    )
                    .After
            ),
        ];

    private HaproxyText TextOf(IngressOptions set) =>
        new(set, folder.Certificate, folder.Maintenance, Socket.OSSupportsIPv6);

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
