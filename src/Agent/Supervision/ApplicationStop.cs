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

    /// <summary>Returns when all have stopped, or when they had all the time that they may take.</summary>
    public async Task RunAsync(DesiredState desired)
    {
        using var asking = clock.CreateTimer(_ => systemd.ExtendTimeout(MoreTime), null, TimeSpan.Zero, MoreTimeEvery);
        var running = await LookAsync(desired);
        if (running.Count == 0)
            return;
        foreach (var container in running)
            Excuse(container);

        var order = StopOrder.Of(desired, running);
        var limit = order.Max(g => g.EndsWithin);
        liveness.Beat(limit + LookWithin);
        Tell(EventSeverity.Info, "application.stopping", $"stops {Containers(running.Count)} in order");
        using var deadline = new CancellationTokenSource(limit, clock);
        var began = clock.GetTimestamp();
        await StopAsync(order, deadline.Token);

        // A restart that the engine was asked for before may have come to its second half only now.
        var left = await LookAsync(desired);
        if (left.Count > 0)
        {
            await StopAsync(StopOrder.Of(desired, left), deadline.Token);
            left = await LookAsync(desired);
        }

        var took = $"within {clock.GetElapsedTime(began).TotalSeconds:0} s";
        if (left.Count == 0)
            Tell(EventSeverity.Info, "application.stopped", $"stopped {Containers(running.Count)} in order, {took}");
        else
            Tell(
                EventSeverity.Warning,
                "application.stopped",
                $"stopped {running.Count - left.Count} of {Containers(running.Count)} {took}; left to the system: "
                    + string.Join(", ", left.Select(c => c.Name).Order())
            );
    }

    /// <returns>What runs of ours; nothing when the engine does not say.</returns>
    private async Task<IReadOnlyList<ObservedContainer>> LookAsync(DesiredState desired)
    {
        using var deadline = new CancellationTokenSource(LookWithin, clock);
        try
        {
            observer.Invalidate();
            var observed = await observer.ObserveAsync(desired, deadline.Token);
            return [.. observed.Containers.Where(c => c.Ours && c.IsUp)];
        }
        catch (Exception e)
            when (e is EngineUnavailableException or DockerEngineException or OperationCanceledException)
        {
            log.LeftToMachine("whatever runs", e.Message);
            return [];
        }
    }

    /// <summary>A promise before the effect: what is killed in the middle of this is excused too.</summary>
    private void Excuse(ObservedContainer container)
    {
        if (container.Slot?.ToString() is not { } slot)
            return;
        var now = clock.GetUtcNow();
        restarts.Put(new(slot, restarts.Of(slot)?.Count ?? 0, 0, now, now, SlotPlanner.MachineWentDown));
    }

    private async Task StopAsync(IReadOnlyList<StopGroup> order, CancellationToken ct)
    {
        var ends = new Dictionary<StopGroup, Task>(ReferenceEqualityComparer.Instance);
        foreach (var group in order)
            ends[group] = StopAsync(group, [.. group.After.Select(g => ends[g])], ct);
        await Task.WhenAll(ends.Values);
    }

    private async Task StopAsync(StopGroup group, Task[] before, CancellationToken ct)
    {
        await Task.WhenAll(before);
        await Task.WhenAll(group.Containers.Select(c => StopAsync(c, ct)));
    }

    private async Task StopAsync(ObservedContainer container, CancellationToken ct)
    {
        var began = clock.GetTimestamp();
        try
        {
            await engine.Containers.StopAsync(container.Id, container.StopGrace, signal: null, ct);
            log.StoppedWithMachine(container.Name, clock.GetElapsedTime(began).TotalSeconds);
        }
        catch (Exception e) when (e is EngineUnavailableException or DockerEngineException)
        {
            log.LeftToMachine(container.Name, e.Message);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            log.LeftToMachine(container.Name, "it had all the time that it may take");
        }
    }

    private void Tell(EventSeverity severity, string kind, string done) =>
        events.Append(new(severity, kind, null, null, Cause, done));

    private static string Containers(int count) => count == 1 ? "1 container" : $"{count} containers";
}
