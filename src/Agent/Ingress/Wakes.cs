using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>What ends the sleep between two looks: another view, a HAProxy that comes or goes, somebody's nudge, or time.</summary>
internal sealed class Wakes(ISupervisor supervisor, RuntimeApi api, TimeProvider clock) : IDisposable
{
    private readonly SemaphoreSlim nudged = new(0);
    private Task? watching;

    public void Nudge() => nudged.Release();

    /// <summary>The master is there: its end, or that it begins anew, is to wake.</summary>
    public void Watch(CancellationToken ct) => watching ??= api.WatchAsync(ct);

    /// <param name="waits">Null: nothing is waited for.</param>
    public static TimeSpan Soonest(IReadOnlyList<TimeSpan?> waits) =>
        waits.Min() is not { } soonest ? Timeout.InfiniteTimeSpan
        : soonest > TimeSpan.Zero ? soonest
        : TimeSpan.Zero;

    /// <param name="seen">What was looked at.</param>
    public async Task WaitAsync(SupervisionView seen, TimeSpan atMost, CancellationToken ct)
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

    public void Dispose() => nudged.Dispose();
}
