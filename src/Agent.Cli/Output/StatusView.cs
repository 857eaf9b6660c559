using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>The appliance on one screen: the verdict, its reasons, who is involved, the services.</summary>
internal static class StatusView
{
    public static void Write(Screen screen, Status status, DateTimeOffset now)
    {
        var facts = new Table("", "");
        facts.Add("Appliance", Verdict(status.Health));
        facts.Add("Release", Release(status.Release));
        facts.Add("Agent", Agent(status.Agent, now));
        facts.Add("Engine", Engine(status.Engine, now));
        foreach (var disk in status.Disks)
            facts.Add("Disk", Disk(disk));
        if (status.Release is { UnderWay.Length: > 0 } release)
            facts.Add("Operation", Text.OneLine(release.UnderWay));
        if (status.Maintenance.Length > 0)
            facts.Add("Maintenance", new Cell(Text.OneLine(status.Maintenance), Style.Yellow));
        facts.WriteTo(screen);

        if (status.Problems.Count > 0)
            screen.WriteLine();
        foreach (var problem in status.Problems)
            screen.WriteLine($"{screen.Paint("!", Style.Red)} {Text.OneLine(problem)}");

        if (status.Services.Count > 0)
        {
            screen.WriteLine();
            ServicesView.WriteList(screen, status.Services, now);
        }
    }

    private static Cell Verdict(Health health) =>
        health switch
        {
            Health.Ok => new("OK", Style.Green),
            Health.Degraded => new("DEGRADED", Style.Yellow),
            Health.Failed => new("FAILED", Style.Red),
            _ => new("unknown", Style.Yellow),
        };

    private static Cell Disk(DiskStatus disk) =>
        new(
            $"{disk.Folder}: {Sizes.Of(disk.Free)} of {Sizes.Of(disk.Total)} free",
            disk.Level switch
            {
                DiskLevel.High => Style.Red,
                DiskLevel.Low => Style.Yellow,
                _ => Style.Plain,
            }
        );

    private static Cell Release(ReleaseStatus? release) =>
        release is not { Product.Length: > 0 }
            ? new Cell("none installed", Style.Yellow)
            : $"{release.Product} {release.Version}{(release.Source.Length > 0 ? $", from {release.Source}" : "")}";

    private static Cell Agent(AgentStatus? agent, DateTimeOffset now) =>
        agent is null ? "-" : $"{agent.Version} on {agent.Host}, started {Ages.Ago(agent.StartedAt, now)}";

    private static Cell Engine(EngineStatus? engine, DateTimeOffset now)
    {
        if (engine is null)
            return "-";
        var version = engine.Version.Length > 0 ? $"{engine.Version} (API {engine.ApiVersion}), " : "";
        return engine.Reachable
            ? $"{version}{engine.Endpoint}, live-restore {(engine.LiveRestore ? "on" : "off")}"
            : new Cell($"{version}{engine.Endpoint}, lost {Ages.Ago(engine.Since, now)}: {engine.Error}", Style.Red);
    }
}
