using Appliance.Testing;

namespace Appliance.Agent.Tests.Updates;

/// <summary>
/// At each place right before and right after an effect that outlives the agent, the disk fills up to its last byte: the agent
/// says so, and ends the operation or waits; once there is room one release runs, whole, and the next attempt succeeds.
/// </summary>
public sealed class FullDiskMatrixTests
{
    private const int MostFailures = 3;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    // One of each kind: taking in, a journal, the files of the release, what goes to the engine, and ingress.
    [Fact]
    public async Task A_disk_that_is_full_in_the_middle_of_an_upgrade_is_said_and_survived()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await ProveAsync(
            engine,
            FullDisk.State,
            CrashCourse.Upgrade,
            [("before content.keep", 1), ("before journal", 4)],
            mayMiss: 0
        );
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData(CrashCourse.Upgrade)]
    [InlineData(CrashCourse.TakenBack)]
    public async Task At_each_place_the_disk_of_the_state_is_full(CrashCourse course)
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await ProveAllAsync(engine, FullDisk.State, course);
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData(CrashCourse.Upgrade)]
    [InlineData(CrashCourse.Breaking)]
    public async Task At_each_place_the_one_disk_of_the_state_and_the_engine_is_full(CrashCourse course)
    {
        await using var engine = await PrivateEngine.StartOnLoopAsync(mebibytes: 256, Ct);
        await ProveAllAsync(engine, FullDisk.Both, course);
    }

    private static async Task ProveAllAsync(PrivateEngine engine, FullDisk disk, CrashCourse course)
    {
        List<(string Place, int Time)> places;
        await using (var first = await CrashBench.StartAsync(engine, disk))
            places = CrashBench.Counted(await first.PlacesOfAsync(course));
        // One blob or container is like the next; of the journal each entry is another.
        places = [.. places.Where(p => p.Time <= 2 || p.Place.EndsWith(" journal", StringComparison.Ordinal))];
        // How often a place is passed is not the same each time, for what runs side by side; that it is, is.
        await ProveAsync(engine, disk, course, places, mayMiss: places.Count / 5);
    }

    private static async Task ProveAsync(
        PrivateEngine engine,
        FullDisk disk,
        CrashCourse course,
        IReadOnlyList<(string Place, int Time)> places,
        int mayMiss
    )
    {
        var (survived, missed, failures) = (0, 0, new List<string>());
        Say($"{"disk", -5} {"course", -9} {"place", -26} {"", 2} {"without room", -18} {"with room", -10} why");
        CrashBench? bench = null;
        try
        {
            foreach (var (place, time) in places.TakeWhile(_ => failures.Count < MostFailures))
            {
                bench ??= await CrashBench.StartAsync(engine, disk);
                var where = $"{disk, -5} {course, -9} {place, -26} {time, 2}";
                try
                {
                    var came = await bench.FillsUpAsync(course, place, time);
                    (survived, missed) = came is null ? (survived, missed + 1) : (survived + 1, missed);
                    if (came is not null)
                        Say($"{where} {came.Came, -18} {came.End, -10} {came.Why}");
                }
                catch (InvalidOperationException e)
                {
                    Say($"{where} FAILED");
                    failures.Add(e.Message);
                    // What it left proves nothing of the next place.
                    await bench.DisposeAsync();
                    bench = null;
                }
            }
            if (bench is not null)
                await bench.GoesOnAsync();
        }
        finally
        {
            if (bench is not null)
                await bench.DisposeAsync();
        }
        Say($"{survived} full disks survived, {missed} places not reached");
        Assert.Empty(failures);
        Assert.InRange(missed, 0, mayMiss);
    }

    private static void Say(string line) => TestContext.Current.TestOutputHelper?.WriteLine(line);
}
