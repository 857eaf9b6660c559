using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Docker;

namespace Appliance.Agent.Health;

/// <summary>Keeps a watch on each running container that the release wants probed, and reports to supervision.</summary>
internal sealed class Prober(Supervisor supervisor, DockerEngine engine, TimeProvider clock)
    : BackgroundService,
        IProbeBook
{
    private readonly HttpClient http = HttpCheck.CreateClient();
    private readonly Lock gate = new();
    private readonly Dictionary<(string Container, DateTimeOffset Run, string? Address), ContainerWatch> watches = [];

    public IReadOnlyList<ProbeView> Of(string service)
    {
        lock (gate)
            return [.. watches.Values.SelectMany(w => w.Views).Where(v => v.Service == service)];
    }

    public override void Dispose()
    {
        http.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var view = supervisor.View;
                await MatchAsync(view.Targets, stoppingToken);
                using var waiting = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
                await NewsAsync(supervisor.WaitForChangeAsync(view, waiting.Token), watches.Values.Select(w => w.Run));
                await waiting.CancelAsync();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await MatchAsync([], CancellationToken.None);
        }
    }

    /// <summary>Returns when there may be something else to probe.</summary>
    /// <param name="changed">Ends when what is to be probed is another.</param>
    /// <param name="runs">Of the watches: one that faults is a bug, and must not stay a silent end of probing.</param>
    internal static async Task NewsAsync(Task changed, IEnumerable<Task> runs) =>
        // One whose probes have all said what they are there for has ended, and would end each wait at once.
        await await Task.WhenAny([changed, .. runs.Where(r => !r.IsCompletedSuccessfully)]);

    private async Task MatchAsync(IReadOnlyList<ProbeTarget> targets, CancellationToken ct)
    {
        var wanted = targets.ToDictionary(t => (t.ContainerId, t.RunStartedAt, t.Address));
        List<ContainerWatch> over = [];
        lock (gate)
        {
            foreach (var (key, watch) in watches)
            {
                if (wanted.TryGetValue(key, out var target) && watch.IsOf(target))
                    continue;
                over.Add(watch);
                watches.Remove(key);
            }
        }

        // Before their successors begin: what they say last must not come after what those say.
        foreach (var watch in over)
            await watch.DisposeAsync();
        lock (gate)
        {
            foreach (var (key, target) in wanted.Where(w => !watches.ContainsKey(w.Key)))
                watches[key] = new ContainerWatch(target, p => Make(p, target), clock, supervisor.Report, ct);
        }
    }

    private IProbe Make(Probe probe, ProbeTarget target) =>
        probe switch
        {
            ExecProbe exec => new ExecCheck(exec, target.ContainerId, engine, clock),
            _ when target.Address is not { } => new NoAddressCheck(probe),
            HttpProbe httpProbe => new HttpCheck(httpProbe, target.Address, http, clock),
            GrpcProbe grpc => new GrpcCheck(grpc, target.Address, clock),
            TcpProbe tcp => new TcpCheck(tcp, target.Address, clock),
            _ => throw new InvalidOperationException($"no check for {probe.GetType().Name}"),
        };
}

/// <summary>A container that is on no network cannot be asked over one; saying so beats an address that is not there.</summary>
internal sealed class NoAddressCheck(Probe probe) : IProbe
{
    public string Kind =>
        probe switch
        {
            HttpProbe => "http",
            GrpcProbe => "grpc",
            _ => "tcp",
        };

    public string Target => "no address";

    public Task<ProbeResult> CheckAsync(CancellationToken ct) =>
        Task.FromResult(ProbeResult.Failed("the container has no address on any network"));
}
