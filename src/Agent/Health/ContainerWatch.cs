using Appliance.Agent.Supervision;

namespace Appliance.Agent.Health;

/// <summary>Probes one run of one container until it is told to stop, and says when the verdict changes.</summary>
internal sealed class ContainerWatch : IAsyncDisposable
{
    private readonly ProbeTarget target;
    private readonly TimeProvider clock;
    private readonly Action<HealthVerdict> report;
    private readonly CancellationTokenSource stopping;
    private readonly Lock gate = new();
    private readonly (IProbe Probe, ProbePolicy Policy)[] probes;

    public ContainerWatch(
        ProbeTarget target,
        Func<Bundles.Compose.Probe, IProbe> make,
        TimeProvider clock,
        Action<HealthVerdict> report,
        CancellationToken ct
    )
    {
        (this.target, this.clock, this.report) = (target, clock, report);
        probes = [.. target.Probes.Select(p => (make(p), new ProbePolicy(p.Timing, target.RunStartedAt)))];
        stopping = CancellationTokenSource.CreateLinkedTokenSource(ct);
        Run = Task.WhenAll(probes.Select((_, i) => LoopAsync(i, stopping.Token)));
    }

    /// <summary>Whether it asks what the target is to be asked.</summary>
    public bool IsOf(ProbeTarget wanted) => ProbesAlike.Are(target.Probes, wanted.Probes);

    /// <summary>Ends when the watch is disposed; faults only for a bug.</summary>
    public Task Run { get; }

    public IReadOnlyList<ProbeView> Views
    {
        get
        {
            lock (gate)
                return
                [
                    .. probes.Select(p => new ProbeView(
                        target.Service,
                        target.Container,
                        p.Probe.Kind,
                        p.Probe.Target,
                        p.Policy.State is HealthState.Healthy,
                        p.Policy.Failures,
                        p.Policy.Output,
                        p.Policy.CheckedAt
                    )),
                ];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await Run;
        stopping.Dispose();
    }

    private async Task LoopAsync(int index, CancellationToken ct)
    {
        try
        {
            while (true)
            {
                var began = clock.GetTimestamp();
                var result = await probes[index].Probe.CheckAsync(ct);
                var wait = Record(index, result) - clock.GetElapsedTime(began);
                // Half a percent either way keeps replicas that started together from being asked together for ever.
                await Task.Delay(Max(wait * (0.995 + Random.Shared.NextDouble() / 100), TimeSpan.Zero), clock, ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested) { }
    }

    private TimeSpan Record(int index, ProbeResult result)
    {
        HealthVerdict? verdict;
        TimeSpan interval;
        lock (gate)
        {
            var before = Verdict();
            probes[index].Policy = probes[index].Policy.On(result, clock.GetUtcNow());
            var after = Verdict();
            verdict = after == before ? null : after;
            interval = probes[index].Policy.Interval;
        }

        if (verdict is not null)
            report(verdict);
        return interval;
    }

    private HealthVerdict Verdict()
    {
        var worst = probes
            .Select(p => p.Policy)
            .OrderByDescending(p => p.State is HealthState.Unhealthy)
            .ThenByDescending(p => p.State is HealthState.Starting)
            .First();
        // What a healthy container said last is nobody's news.
        var output = worst.State is HealthState.Healthy ? "" : worst.Output;
        return new HealthVerdict(target.ContainerId, target.RunStartedAt, target.Probes, worst.State, output);
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
