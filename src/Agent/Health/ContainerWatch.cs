using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Health;

/// <summary>Probes one run of one container until it is told to stop, and says when the verdict changes.</summary>
internal sealed class ContainerWatch : IAsyncDisposable
{
    // A check over the network costs little, and each that comes sooner may be the one that ends a gap.
    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(50);

    // A command in the container costs a process, and the engine's work for it.
    private static readonly TimeSpan QuickCommand = TimeSpan.FromSeconds(1);

    private readonly ProbeTarget target;
    private readonly TimeProvider clock;
    private readonly Action<HealthVerdict> report;
    private readonly CancellationTokenSource stopping;
    private readonly Lock gate = new();
    private readonly TaskCompletionSource hasStarted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly (IProbe Probe, ProbeRole Role, ProbePolicy Policy)[] probes;

    public ContainerWatch(
        ProbeTarget target,
        Func<Bundles.Compose.Probe, IProbe> make,
        TimeProvider clock,
        Action<HealthVerdict> report,
        CancellationToken ct
    )
    {
        (this.target, this.clock, this.report) = (target, clock, report);
        probes =
        [
            .. target.Probes.Select(p =>
                (make(p), p.Role, new ProbePolicy(p.Timing, target.RunStartedAt, p is ExecProbe ? QuickCommand : Quick))
            ),
        ];
        if (Verdicts.HasStarted(Policies))
            hasStarted.SetResult();
        stopping = CancellationTokenSource.CreateLinkedTokenSource(ct);
        Run = Task.WhenAll(probes.Select((_, i) => LoopAsync(i, stopping.Token)));
    }

    /// <summary>Whether it asks what the target is to be asked.</summary>
    public bool IsOf(ProbeTarget wanted) => ProbesAlike.Are(target.Probes, wanted.Probes);

    /// <summary>Ends when the watch is disposed, or has nothing to ask any more; faults only for a bug.</summary>
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

    private IReadOnlyList<(ProbeRole, ProbePolicy)> Policies => [.. probes.Select(p => (p.Role, p.Policy))];

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await Run;
        stopping.Dispose();
    }

    private async Task LoopAsync(int index, CancellationToken ct)
    {
        var (probe, role, _) = probes[index];
        try
        {
            if (!role.HasFlag(ProbeRole.Startup))
                await hasStarted.Task.WaitAsync(ct);
            while (true)
            {
                var began = clock.GetTimestamp();
                var result = await probe.CheckAsync(ct);
                var (state, interval) = Record(index, result);
                // It has said what it is there for.
                if (role is ProbeRole.Startup && state is HealthState.Healthy)
                    return;
                var wait = interval - clock.GetElapsedTime(began);
                // Half a percent either way keeps replicas that started together from being asked together for ever.
                await Task.Delay(Max(wait * (0.995 + Random.Shared.NextDouble() / 100), TimeSpan.Zero), clock, ct);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested) { }
    }

    private (HealthState State, TimeSpan Interval) Record(int index, ProbeResult result)
    {
        HealthVerdict? verdict;
        (HealthState, TimeSpan) recorded;
        lock (gate)
        {
            var before = Verdict();
            probes[index].Policy = probes[index].Policy.On(result, clock.GetUtcNow());
            var after = Verdict();
            verdict = after == before ? null : after;
            recorded = (probes[index].Policy.State, probes[index].Policy.Interval);
            if (Verdicts.HasStarted(Policies))
                hasStarted.TrySetResult();
        }

        if (verdict is not null)
            report(verdict);
        return recorded;
    }

    private HealthVerdict Verdict()
    {
        var (state, output) = Verdicts.Of(Policies);
        return new HealthVerdict(target.ContainerId, target.RunStartedAt, target.Probes, state, output)
        {
            IsOverdue = Verdicts.AreOverdue(Policies),
        };
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
