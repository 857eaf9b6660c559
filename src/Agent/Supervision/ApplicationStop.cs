using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Docker;

namespace Appliance.Agent.Supervision;

/// <summary>
/// Stops the application when the machine goes down: what depends on others before them, each container by its own signal
/// and in its own time. What people wish to run is not touched, so that the next boot starts all of it again.
/// </summary>
internal sealed class ApplicationStop(
    DockerEngine engine,
    EngineObserver observer,
    RestartLedger restarts,
    EventLog events,
    SystemdNotifier systemd,
    Liveness liveness,
    TimeProvider clock,
    ILogger<ApplicationStop> log
)
{
    private const string Cause = "the machine is going down";

    // Asked for again and again: a machine does not wait long for an agent that hangs.
    private static readonly TimeSpan MoreTime = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan MoreTimeEvery = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LookWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(500);

    // Until when systemd is asked for more time: this must end although the work, for whatever reason, does not.
    private long askUntil;
    private long askNeverAfter;

    /// <summary>Returns when all have stopped, or when they had all the time that they may take.</summary>
    public async Task RunAsync(DesiredState desired)
    {
        var began = clock.GetTimestamp();
        askNeverAfter = After(StopGroup.Longest);
        MayTake(LookWithin);
        using var asking = clock.CreateTimer(_ => AskForTime(), null, TimeSpan.Zero, MoreTimeEvery);
        using var longest = new CancellationTokenSource(StopGroup.Longest, clock);
        if (await LookAsync(desired) is not { } running)
        {
            TellUnknown("does not know what to stop");
            return;
        }
        if (running.Count == 0)
            return;

        Tell(EventSeverity.Info, "application.stopping", $"stops {Containers(running.Count)} in order");
        await StopAsync(desired, running, longest.Token);

        // A restart that the engine was asked for before may have come to its second half only now.
        var left = await LookAsync(desired);
        if (left is { Count: > 0 })
        {
            await StopAsync(desired, left, longest.Token);
            left = await LookAsync(desired);
        }

        var took = $"within {clock.GetElapsedTime(began).TotalSeconds:0} s";
        if (left is null)
            TellUnknown($"does not know which of {Containers(running.Count)} have stopped {took}");
        else if (left.Count == 0)
            Tell(EventSeverity.Info, "application.stopped", $"stopped {Containers(running.Count)} in order, {took}");
        else
            Tell(
                EventSeverity.Warning,
                "application.stopped",
                $"stopped {Math.Max(0, running.Count - left.Count)} of {Containers(running.Count)} {took}; left to the "
                    + $"system: {string.Join(", ", left.Select(c => c.Name).Order())}"
            );
    }

    /// <summary>Asks as often as it takes, for as long as a look may take.</summary>
    /// <returns>What runs of ours; null when the engine does not say.</returns>
    private async Task<IReadOnlyList<ObservedContainer>?> LookAsync(DesiredState desired)
    {
        using var deadline = new CancellationTokenSource(LookWithin, clock);
        var problem = "no answer";
        try
        {
            while (true)
            {
                try
                {
                    observer.Invalidate();
                    var observed = await observer.ObserveAsync(desired, deadline.Token);
                    return [.. observed.Containers.Where(c => c.Ours && c.IsUp)];
                }
                catch (Exception e) when (e is EngineUnavailableException or DockerEngineException)
                {
                    problem = e.Message;
                    await Task.Delay(LookAgain, clock, deadline.Token);
                }
            }
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            log.LeftToMachine("whatever runs", problem);
            return null;
        }
    }

    private async Task StopAsync(DesiredState desired, IReadOnlyList<ObservedContainer> running, CancellationToken ct)
    {
        var order = StopOrder.Of(desired, running);
        MayTake(order.Max(g => g.EndsWithin) + LookWithin);
        await StopAsync(order, c => desired.Service(c.Slot?.Service ?? "")?.Restart is null or RestartRule.Always, ct);
    }

    /// <summary>What begins now, for the watchdog and for systemd.</summary>
    private void MayTake(TimeSpan time)
    {
        liveness.Beat((time < StopGroup.Longest ? time : StopGroup.Longest) + Liveness.Usual);
        Volatile.Write(ref askUntil, Math.Min(After(time), askNeverAfter));
    }

    private long After(TimeSpan time) => clock.GetTimestamp() + (long)(time.TotalSeconds * clock.TimestampFrequency);

    private void AskForTime()
    {
        if (clock.GetTimestamp() <= Volatile.Read(ref askUntil))
            systemd.ExtendTimeout(MoreTime);
    }

    private async Task StopAsync(
        IReadOnlyList<StopGroup> order,
        Func<ObservedContainer, bool> startsAnyway,
        CancellationToken ct
    )
    {
        var ends = new Dictionary<StopGroup, Task>(ReferenceEqualityComparer.Instance);
        foreach (var group in order)
            ends[group] = StopAfterAsync(group, [.. group.After.Select(g => ends[g])]);
        await Task.WhenAll(ends.Values);

        async Task StopAfterAsync(StopGroup group, Task[] before)
        {
            await Task.WhenAll(before);
            await Task.WhenAll(group.Containers.Select(c => StopAsync(c, startsAnyway(c), ct)));
        }
    }

    /// <param name="startsAnyway">After a boot it is started however it ended.</param>
    private async Task StopAsync(ObservedContainer container, bool startsAnyway, CancellationToken ct)
    {
        var began = clock.GetTimestamp();
        using var own = new CancellationTokenSource(StopGroup.MayTake(container), clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, own.Token);
        try
        {
            // While it waited for its turn it may have come to its own end, or to another run.
            var state = (await engine.Containers.InspectAsync(container.Id, either.Token)).State;
            if (!state.Running)
                return;
            if (!Excuse(container, state.StartedAt) && !startsAnyway)
            {
                log.LeftToMachine(container.Name, "nobody would know that its work was not done");
                return;
            }
            await engine.Containers.StopAsync(container.Id, StopGroup.GraceOf(container), signal: null, either.Token);
            log.StoppedWithMachine(container.Name, clock.GetElapsedTime(began).TotalSeconds);
        }
        catch (Exception e) when (e is EngineUnavailableException or DockerEngineException)
        {
            log.LeftToMachine(container.Name, e.Message);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            log.LeftToMachine(container.Name, "it had all the time that it may take");
        }
    }

    /// <summary>A promise before the effect: what is killed in the middle of this is excused too.</summary>
    /// <returns>Whether it will be known after the boot.</returns>
    private bool Excuse(ObservedContainer container, DateTimeOffset? started)
    {
        if (container.Slot?.ToString() is not { } slot || started is not { } run)
            return false;
        var count = restarts.Of(slot)?.Count ?? 0;
        return restarts.Put(new(slot, count, 0, run, clock.GetUtcNow(), SlotPlanner.MachineWentDown));
    }

    private void TellUnknown(string done) =>
        Tell(
            EventSeverity.Warning,
            "application.stopped",
            $"{done}: the engine does not say; what runs is left to the system"
        );

    private void Tell(EventSeverity severity, string kind, string done) =>
        events.Append(new(severity, kind, null, null, Cause, done));

    private static string Containers(int count) => count == 1 ? "1 container" : $"{count} containers";
}
