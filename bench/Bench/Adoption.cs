using System.Diagnostics;

namespace Appliance.Bench;

/// <summary>How soon a new agent is well with containers that its predecessor left running, touching none of them.</summary>
internal static class Adoption
{
    public static async Task<IEnumerable<Row>> MeasureAsync(TestBed bed, CancellationToken ct)
    {
        var count = bed.Quick ? 40 : 200;
        await using (var predecessor = await AgentProcess.StartInstalledAsync(bed, "adopt", count, TestBed.Sleeper, ct))
            await predecessor.UntilWellAsync(ct);
        var (before, floor) = await LookAsync(bed, ct);

        await using var agent = AgentProcess.Start(bed, "adopt");
        var took = await agent.UntilWellAsync(ct);

        var (after, _) = await LookAsync(bed, ct);
        if (!before.SetEquals(after))
            throw new InvalidOperationException("a container was restarted or replaced: that is no adoption");
        const string Floor = "listing and inspecting them, one by one";
        return
        [
            new(
                $"adoption of {count} containers",
                took.TotalMilliseconds,
                "ms",
                floor.TotalMilliseconds,
                Floor,
                Aim: null
            ),
            new(
                "adoption, per container",
                took.TotalMilliseconds / count,
                "ms",
                floor.TotalMilliseconds / count,
                Floor,
                Aim: null
            ),
        ];
    }

    /// <summary>Which containers there are and when each was started; and how long it took to ask.</summary>
    private static async Task<(HashSet<(string Id, DateTimeOffset? StartedAt)> Seen, TimeSpan Took)> LookAsync(
        TestBed bed,
        CancellationToken ct
    )
    {
        var clock = Stopwatch.StartNew();
        var seen = new HashSet<(string, DateTimeOffset?)>();
        foreach (var container in await bed.ContainersAsync(ct))
        {
            var inspected = await bed.Engine.Containers.InspectAsync(container.Id, ct);
            seen.Add((inspected.Id, inspected.State.StartedAt));
        }
        return (seen, clock.Elapsed);
    }
}
