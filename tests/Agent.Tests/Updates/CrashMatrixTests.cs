using System.Collections.Concurrent;
using System.Globalization;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Updates;

/// <summary>
/// At each place right before and right after an effect that outlives the agent, the agent, the engine, or both are killed:
/// one release runs, whole, with the data that belongs to it, and the next attempt succeeds.
/// </summary>
public sealed class CrashMatrixTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(CrashCourse.Upgrade)]
    [InlineData(CrashCourse.SelfUpdate)]
    public async Task Whoever_is_killed_at_a_place_of_an_upgrade_one_release_runs_whole(CrashCourse course)
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var bench = await CrashBench.StartAsync(engine);
        var places = CrashBench.Counted(await bench.PlacesOfAsync(course)).Where(p => p.Time == 1).ToList();
        Assert.InRange(places.Count, 20, 100);
        // Of what an upgrade passes whether or not it brings an agent, once is enough.
        if (course is CrashCourse.SelfUpdate)
        {
            places = [.. places.Where(p => p.Place.Contains(" agent.", StringComparison.Ordinal))];
            Assert.Equal(6, places.Count);
        }
        var turn = TimeProvider.System.GetUtcNow().DayOfYear;
        // One day before the effect, and the next day after it; in six days each side has seen each of the three.
        places =
        [
            .. places
                .GroupBy(p => p.Place[(p.Place.IndexOf(' ', StringComparison.Ordinal) + 1)..])
                .Select((sides, number) => sides.ElementAt((turn + number) % sides.Count())),
        ];
        var table = new Table();
        foreach (var ((place, time), number) in places.Select((p, i) => (p, i)))
        {
            var victim = (Victim)(((turn / 2) + number) % Enum.GetValues<Victim>().Length);
            // What follows is the next attempt, which comes as far as its place; and now and then one that nobody disturbs.
            var goesOn = number % 4 == 3 || number == places.Count - 1;
            table.Add(course, place, victim, await bench.SurvivesAsync(course, place, time, victim, goesOn));
        }
        table.Print();
        Assert.Equal(0, table.NotReached);
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData(CrashCourse.BreakingTakenBack)]
    [InlineData(CrashCourse.Rollback)]
    public async Task A_set_of_volumes_that_was_exchanged_in_part_is_exchanged_whole(CrashCourse course)
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var bench = await CrashBench.StartAsync(engine);
        // The first volume is exchanged, and of the second only one half.
        Assert.True(await bench.SurvivesAsync(course, "after volume.move", 3, Victim.Agent));
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData(CrashCourse.Upgrade)]
    [InlineData(CrashCourse.TakenBack)]
    [InlineData(CrashCourse.Breaking)]
    [InlineData(CrashCourse.BreakingTakenBack)]
    [InlineData(CrashCourse.Rollback)]
    [InlineData(CrashCourse.SelfUpdate)]
    [InlineData(CrashCourse.Install)]
    public async Task At_each_place_whoever_is_killed(CrashCourse course)
    {
        List<(string Place, int Time)> places;
        await using (var engine = await PrivateEngine.StartAsync(Ct))
        await using (var first = await CrashBench.StartAsync(engine))
            places = CrashBench.Counted(await first.PlacesOfAsync(course));
        var table = new Table();
        var kills = new ConcurrentQueue<(string Place, int Time, Victim Victim)>(
            places.SelectMany(p => Enum.GetValues<Victim>().Select(v => (p.Place, p.Time, v)))
        );
        try
        {
            // Each appliance waits as much as it works.
            await Task.WhenAll(
                Enumerable.Range(0, Environment.ProcessorCount).Select(_ => KillAllAsync(course, kills, table))
            );
        }
        finally
        {
            table.Print();
        }
        // How often a place is passed is not the same each time, for what runs side by side; that it is, is.
        Assert.InRange(table.NotReached, 0, places.Count / 5);
    }

    /// <summary>On an engine of its own, until none is left.</summary>
    private static async Task KillAllAsync(
        CrashCourse course,
        ConcurrentQueue<(string Place, int Time, Victim Victim)> kills,
        Table table
    )
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        CrashBench? bench = null;
        try
        {
            while (kills.TryDequeue(out var kill))
            {
                // Nothing is installed twice on the same.
                if (course is CrashCourse.Install && bench is not null)
                {
                    await bench.DisposeAsync();
                    bench = null;
                }
                bench ??= await CrashBench.StartAsync(engine);
                var wasReached = await bench.SurvivesAsync(course, kill.Place, kill.Time, kill.Victim);
                table.Add(course, kill.Place, kill.Victim, wasReached);
            }
        }
        finally
        {
            // What failed is enough: nobody begins another one.
            kills.Clear();
            if (bench is not null)
                await bench.DisposeAsync();
        }
    }

    /// <summary>What was killed where, for people.</summary>
    private sealed class Table
    {
        private readonly Lock gate = new();
        private readonly Dictionary<(CrashCourse Course, string Place), Dictionary<Victim, int>> rows = [];

        public int NotReached { get; private set; }

        public void Add(CrashCourse course, string place, Victim victim, bool wasReached)
        {
            lock (gate)
            {
                if (!wasReached)
                {
                    NotReached++;
                    return;
                }
                if (!rows.TryGetValue((course, place), out var row))
                    rows[(course, place)] = row = [];
                row[victim] = row.GetValueOrDefault(victim) + 1;
            }
        }

        public void Print()
        {
            var output = TestContext.Current.TestOutputHelper;
            output?.WriteLine($"{"course", -10} {"place", -28} {"agent", 6} {"engine", 7} {"both", 5}");
            foreach (var ((course, place), row) in rows)
                output?.WriteLine(
                    $"{course, -10} {place, -28} {Of(row, Victim.Agent), 6} {Of(row, Victim.Engine), 7} {Of(row, Victim.Both), 5}"
                );
            var kills = rows.Values.Sum(r => r.Values.Sum());
            output?.WriteLine($"{kills} kills survived, {NotReached} not reached");
        }

        private static string Of(Dictionary<Victim, int> row, Victim victim) =>
            row.GetValueOrDefault(victim).ToString(CultureInfo.InvariantCulture);
    }
}
