using System.Threading.Channels;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;
using Appliance.Bundles.Releases;

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
    DrillRuns runs,
    Wellness wellness,
    Occupancy occupancy,
    Holds holds,
    ISupervisor supervisor,
    EventLog events,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<Driller> log
) : BackgroundService
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    private readonly Channel<long> begun = Channel.CreateUnbounded<long>();
    private readonly Lock gate = new();
    private CancellationTokenSource cancel = new();

    /// <summary>Cancelled when somebody wants the drill that runs ended.</summary>
    private CancellationToken Over
    {
        get
        {
            lock (gate)
                return cancel.Token;
        }
    }

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
            RefuseWhileHeld();
            if (wellness.WhyNot() is { } ill)
                throw new RefusedException($"a drill begins when all is well, and it is not: {ill}");
            if ((wanted.Service ?? targets.DefaultService) is not { } service)
                throw new RefusedException("no service runs that could be drilled");
            var names = wanted.Names.Count > 0 ? wanted.Names.Distinct() : catalogue.All.Select(d => d.Name);
            var disasters = names.Select(n => (n, service)).ToList();
            var now = clock.GetUtcNow();
            var release = supervisor.View.Release;
            var planned = new Drill(
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
            );
            drill = holds.Alone(() =>
            {
                RefuseWhileHeld();
                return journal.Begin(planned, disasters);
            });
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
                await PersistentlyAsync(
                    left.Id,
                    () => runs.ResumeAsync(left.Id, CutShort.ByItsEnd, Over, ending.Token),
                    ending.Token
                );
            await foreach (var id in begun.Reader.ReadAllAsync(ending.Token))
                await PersistentlyAsync(id, () => runs.RunAsync(id, Over, ending.Token), ending.Token);
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
                Renew();
                return;
            }
            catch (StorageException e)
            {
                log.NotWrittenYet($"drill-{id}", e.Message);
                await Task.Delay(AfterTrouble, clock, ct);
                // Something was begun, and is undone: no more is, until a person has looked.
                work = () => runs.ResumeAsync(id, CutShort.ByTheDisk(e), Over, ct);
            }
        }
    }

    private void RefuseWhileHeld()
    {
        if (holds.Current is { } hold)
            throw new RefusedException($"{Supervision.Words.Of(hold)}; `appliancectl maintenance release` ends that");
    }

    private void Renew()
    {
        lock (gate)
        {
            if (cancel.IsCancellationRequested)
                cancel = new CancellationTokenSource();
        }
    }

    private void Tell(EventSeverity severity, string kind, string found, string done) =>
        events.Append(new(severity, kind, null, null, found, done));
}
