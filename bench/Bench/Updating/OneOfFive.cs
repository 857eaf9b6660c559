using Appliance.V1;

namespace Appliance.Bench.Updating;

/// <summary>
/// An upgrade that changes one service of five, which publishes a port and so is stopped before its successor is started;
/// and the same stop, create and start of such a container by three requests to the engine. The image stays the same:
/// what it takes to load one is measured elsewhere.
/// </summary>
internal static class OneOfFive
{
    private const int Port = 8080;

    // Below those that the kernel gives to clients.
    private const int OurPort = 21180;
    private const int FloorPort = 21181;
    private const int Others = 4;
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(1);

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var rounds = bed.Quick ? 2 : 11;
        var (ours, floor) = (new List<Exchange>(), new List<Exchange>());
        var wells = new List<double>();
        var bundle = await BundleAsync(bed, 0, ct);
        await using var agent = AgentProcess.Start(bed, "one-of-five", bundle);
        await agent.UntilInstalledAsync(ct);
        await bed.CreateNetworkAsync(ct);
        // A bridge that loses its only container goes down, and the next one is not reached until it is up again.
        for (var i = 1; i <= Others; i++)
            await bed.RunSleeperAsync($"floor-other-{i}", "no", ct);
        await bed.RunEndingServerAsync("floor-0", Port, FloorPort, ct);
        for (var round = 1; round <= rounds; round++)
        {
            floor.Add(await ByHandAsync(bed, round, ct));
            var (exchange, well) = await ByUpgradeAsync(bed, agent, round, ct);
            ours.Add(exchange);
            wells.Add(well);
        }

        const string Floor = "stop, create, start by the engine's API";
        return
        [
            Beside("one of five: begun, until it answers", e => e.Answered, new Aim(1.3, TimesFloor: true)),
            Beside("one of five: begun, until it runs", e => e.Started, aim: null),
            Beside("one of five: nobody answers", e => e.Silent, aim: null),
            new("one of five: begun, until it is proven well", Figures.Median(wells), "ms", 0, "", Aim: null),
        ];

        Row Beside(string what, Func<Exchange, double> figure, Aim? aim) =>
            new(what, Figures.Median(ours.Select(figure)), "ms", Figures.Median(floor.Select(figure)), Floor, aim);
    }

    private static async Task<Exchange> ByHandAsync(TestBed bed, int round, CancellationToken ct)
    {
        var (old, next) = ($"floor-{round - 1}", $"floor-{round}");
        await using var watch = await AnswerWatch.StartAsync(FloorPort, ct);
        await Task.Delay(Calm, TimeProvider.System, ct);
        var began = TimeProvider.System.GetUtcNow();
        await bed.Engine.Containers.StopAsync(old, TimeSpan.FromSeconds(10), signal: null, ct);
        await bed.RunEndingServerAsync(next, Port, FloorPort, ct);
        var exchange = await ExchangeAsync(bed, watch, began, next, ct);
        await bed.Engine.Containers.RemoveAsync(old, force: true, removeAnonymousVolumes: true, ct);
        return exchange;
    }

    private static async Task<(Exchange Exchange, double Well)> ByUpgradeAsync(
        TestBed bed,
        AgentProcess agent,
        int round,
        CancellationToken ct
    )
    {
        var bundle = await BundleAsync(bed, round, ct);
        await Bundling.SettleAsync(ct);
        await using var watch = await AnswerWatch.StartAsync(OurPort, ct);
        await Task.Delay(Calm, TimeProvider.System, ct);
        var steps = await Upgrades.RunAsync(bed, agent, bundle, ct);
        // The step is written before anything is done.
        var began = steps.At("switching", OperationStep.Types.Outcome.Begun);
        var exchange = await ExchangeAsync(bed, watch, began, "bench-web-1", ct);
        return (exchange, (steps.At("switching") - began).TotalMilliseconds);
    }

    private static async Task<Exchange> ExchangeAsync(
        TestBed bed,
        AnswerWatch watch,
        DateTimeOffset began,
        string name,
        CancellationToken ct
    )
    {
        var started = (await bed.Engine.Containers.InspectAsync(name, ct)).State.StartedAt!.Value;
        await watch.UntilAnsweredAsync(started, ct);
        // An interval more, so that an answer which was on its way is not taken for the end.
        await Task.Delay(Calm, TimeProvider.System, ct);
        var (last, first) = await watch.LongestSilenceAsync();
        return last < began
            ? throw new InvalidOperationException("the longest silence was not that of the exchange")
            : new(
                (first - began).TotalMilliseconds,
                (started - began).TotalMilliseconds,
                (first - last).TotalMilliseconds
            );
    }

    private static Task<string> BundleAsync(TestBed bed, int round, CancellationToken ct)
    {
        const string Probes = "x-appliance: {probes: [{http: {port: 8080, path: /healthz}}]}";
        var services = Enumerable
            .Range(1, Others)
            .Select(i => $"  s{i}: {{image: '{TestBed.Image}', init: true, {Probes}}}")
            .Append(
                $"  web: {{image: '{TestBed.Image}', init: true, environment: {{ROUND: '{round}'}}, "
                    + $"ports: ['127.0.0.1:{OurPort}:{Port}'], deploy: {{update_config: {{order: stop-first, monitor: 0s}}}}, {Probes}}}"
            );
        return bed.BundleAsync("one-of-five", string.Join('\n', services), ct);
    }

    // From the beginning until a client is answered, and until the engine has started it; and how long nobody answered; ms.
    private sealed record Exchange(double Answered, double Started, double Silent);
}
