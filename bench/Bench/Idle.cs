namespace Appliance.Bench;

/// <summary>What the agent takes while nothing happens: 20 services, each with a health check and an HTTP probe.</summary>
internal static class Idle
{
    private const string Service =
        $"{{image: '{TestBed.Image}', healthcheck: {{test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1:8080/healthz'], "
        + "interval: 10s}, x-appliance: {probes: [{http: {port: 8080, path: /healthz}}]}}";

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var settle = TimeSpan.FromSeconds(bed.Quick ? 3 : 15);
        var watch = TimeSpan.FromSeconds(bed.Quick ? 10 : 60);
        await using var agent = await AgentProcess.StartInstalledAsync(bed, "idle", 20, Service, ct);
        await agent.UntilWellAsync(ct);
        await using var empty = EmptyWeb.Start(bed);
        await empty.UntilAnswerAsync(ct);

        await Task.Delay(settle, TimeProvider.System, ct);
        var (agentBefore, emptyBefore) = (Figures.ProcessorTime(agent.Process), Figures.ProcessorTime(empty.Process));
        await Task.Delay(watch, TimeProvider.System, ct);
        var agentShare = (Figures.ProcessorTime(agent.Process) - agentBefore) / watch.TotalMilliseconds * 100;
        var emptyShare = (Figures.ProcessorTime(empty.Process) - emptyBefore) / watch.TotalMilliseconds * 100;
        var ours = Figures.Memory(agent.Process);
        var floor = Figures.Memory(empty.Process);

        const string Floor = "an empty ASP.NET Core app";
        return
        [
            new("idle: resident memory", ours.Resident, "MB", floor.Resident, Floor, new Aim(1.3, TimesFloor: true)),
            new("idle: anonymous memory", ours.Anonymous, "MB", floor.Anonymous, Floor, Aim: null),
            new("idle: processor", agentShare, "%", emptyShare, Floor, new Aim(0.5, TimesFloor: false)),
        ];
    }
}
