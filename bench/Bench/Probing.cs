using System.Diagnostics;
using System.Globalization;

namespace Appliance.Bench;

/// <summary>
/// What it takes to probe 200 services every 5 s, and how soon one whose endpoint hangs is found and restarted: its server is
/// stopped, so that the kernel accepts connections for it and nobody answers. Of some the first process is stopped as well,
/// and does not hear that it is to end.
/// </summary>
internal static class Probing
{
    private const int SigStop = 19;
    private const double Interval = 5;
    private const int Threshold = 3;
    private const double Grace = 10;

    // A server below a process that hears SIGTERM, as most applications have a thread that does.
    private const string Server = "trap exit TERM; httpd -f -p 8080 -h /srv & wait";
    private const string Service =
        $"{{image: '{TestBed.Image}', command: [sh, -c, '{Server}'], x-appliance: {{probes: [{{http: {{port: 8080, path: /healthz}}, interval: 5s, timeout: 1s}}]}}}}";

    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var count = bed.Quick ? 20 : 200;
        var watch = TimeSpan.FromSeconds(bed.Quick ? 10 : 60);
        await using var agent = await AgentProcess.StartInstalledAsync(bed, "probing", count, Service, ct);
        await agent.UntilWellAsync(ct);
        await using var empty = EmptyWeb.Start(bed);
        await empty.UntilAnswerAsync(ct);
        await Task.Delay(TimeSpan.FromSeconds(bed.Quick ? 3 : 20), TimeProvider.System, ct);

        var before = (Ours: Figures.ProcessorTime(agent.Process), Floor: Figures.ProcessorTime(empty.Process));
        await Task.Delay(watch, TimeProvider.System, ct);
        var ours = (Figures.ProcessorTime(agent.Process) - before.Ours) / watch.TotalMilliseconds * 100;
        var floor = (Figures.ProcessorTime(empty.Process) - before.Floor) / watch.TotalMilliseconds * 100;
        var (memory, least) = (Figures.Memory(agent.Process), Figures.Memory(empty.Process));
        var hangs = bed.Quick ? 2 : 8;
        var (found, restarted) = await HangsAsync(bed, agent, 1, hangs, StopServerAsync, ct);
        var (_, deafRestarted) = await HangsAsync(bed, agent, 1 + hangs, hangs, StopAsync, ct);

        const string Empty = "an empty ASP.NET Core app";
        return
        [
            new(
                $"probing {count} services each 5 s: processor",
                ours,
                "%",
                floor,
                Empty,
                new Aim(2, TimesFloor: false)
            ),
            new("the same: resident memory", memory.Resident, "MB", least.Resident, Empty, Aim: null),
            new("the same: anonymous memory", memory.Anonymous, "MB", least.Anonymous, Empty, Aim: null),
            new(
                "one that hangs, until it is found",
                found,
                "s",
                Interval * Threshold,
                "interval x threshold",
                // The first probe that hangs begins up to an interval after the stop.
                new Aim((Interval * Threshold) + 1 + Interval, TimesFloor: false)
            ),
            new(
                "the same, until it is restarted",
                restarted,
                "s",
                Interval * Threshold,
                "interval x threshold",
                new Aim((Interval * Threshold) + 1, TimesFloor: false)
            ),
            // It is told to end first, and has its grace for it.
            new(
                "the same, of one that does not hear SIGTERM",
                deafRestarted,
                "s",
                (Interval * Threshold) + Grace,
                "interval x threshold, and its stop grace",
                Aim: null
            ),
        ];
    }

    /// <summary>The medians, in s, of so many that are stopped at moments of their own.</summary>
    private static async Task<(double Found, double Restarted)> HangsAsync(
        TestBed bed,
        AgentProcess agent,
        int first,
        int count,
        Func<int, CancellationToken, Task> stop,
        CancellationToken ct
    )
    {
        var stopped = new Dictionary<string, DateTimeOffset>();
        for (var i = first; i < first + count; i++)
        {
            var container = await bed.Engine.Containers.InspectAsync($"bench-s{i:000}-1", ct);
            await stop(container.State.Pid, ct);
            stopped[$"s{i:000}"] = TimeProvider.System.GetUtcNow();
            await Task.Delay(TimeSpan.FromSeconds(Interval / count), TimeProvider.System, ct);
        }
        var (found, restarted) = (new Dictionary<string, double>(), new Dictionary<string, double>());
        await foreach (var e in agent.EventsAsync(ct))
        {
            if (!stopped.TryGetValue(e.Service, out var at) || e.Time.ToDateTimeOffset() < at)
                continue;
            var took = (e.Time.ToDateTimeOffset() - at).TotalSeconds;
            if (e.Kind == "service.unhealthy")
                found.TryAdd(e.Service, took);
            else if (e.Kind == "container.restarted")
                restarted.TryAdd(e.Service, took);
            if (restarted.Count == count)
                break;
        }
        return (Figures.Median(found.Values), Figures.Median(restarted.Values));
    }

    private static async Task StopServerAsync(int pid, CancellationToken ct)
    {
        var children = await File.ReadAllTextAsync($"/proc/{pid}/task/{pid}/children", ct);
        foreach (var child in children.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            await StopAsync(int.Parse(child, CultureInfo.InvariantCulture), ct);
    }

    private static async Task StopAsync(int pid, CancellationToken ct)
    {
        using var stop = Process.Start("kill", [$"-{SigStop}", $"{pid}"]);
        await stop.WaitForExitAsync(ct);
    }
}
