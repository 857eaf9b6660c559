using Appliance.Agent.Tests.Running;
using Appliance.Docker;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>
/// The agent is killed right before or after an entry of its journal while it changes data, and started again: the old
/// release runs on the data as it was, or the new one on its own.
/// </summary>
public sealed class DyingWithDataTests(SharedEngine shared)
{
    private const string DieAt = "APPLIANCE_TEST_DIE_AT";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>What an operation is to come to.</summary>
    public enum Course
    {
        Upgrade,
        UpgradeTakenBack,
        Rollback,
    }

    public static TheoryData<Course, string> All =>
        [.. Enum.GetValues<Course>().SelectMany(c => new[] { (c, "before"), (c, "after") })];

    [Theory]
    [InlineData(Course.Upgrade, "after:5", Traits = ["Category", "Long"])] // snapshotting
    [InlineData(Course.Upgrade, "before:6")] // snapshotted
    [InlineData(Course.Upgrade, "after:6", Traits = ["Category", "Long"])]
    [InlineData(Course.UpgradeTakenBack, "after:9", Traits = ["Category", "Long"])] // rolling back
    [InlineData(Course.Rollback, "before:6")] // the data was exchanged
    public async Task Data_and_code_agree_when_it_is_started_again(Course course, string place) =>
        Assert.False(await SurvivesAsync(course, place));

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(All))]
    public async Task They_do_wherever_the_agent_dies(Course course, string side)
    {
        var entry = 1;
        while (!await SurvivesAsync(course, $"{side}:{entry}"))
            entry++;
        Assert.InRange(entry, 12, 24);
    }

    [Fact]
    public async Task What_a_killed_copy_has_left_is_made_anew()
    {
        await using var agent = await WithRowsAsync();
        var before = await Rows.PictureAsync(await agent.FolderAsync());
        agent.Environment[DieAt] = "after:5";
        var bundle = await agent.BundleAsync("2.0.0", Rows.V2Breaking);
        await agent.StartAsync();
        Assert.Null(await UnlessItDiesAsync(agent, () => agent.UpgradeAsync(bundle)));
        var left = Path.Combine(
            shared.Engine.DataFolder,
            "appliance-snapshots",
            agent.Project,
            "op-2",
            $"{agent.Project}_rows"
        );
        Directory.CreateDirectory(left + ".part");
        Directory.CreateDirectory(left);
        await File.WriteAllTextAsync(Path.Combine(left, "rows"), "not all of it", Ct);

        agent.Environment.Remove(DieAt);
        await agent.StartAsync();
        var end = await agent.EndOfAsync("op-2");

        Assert.Equal(OperationState.RolledBack, end.State);
        Assert.Equal(before, await Rows.PictureAsync(await agent.FolderAsync()));
        await agent.RunsOnItsDataAsync("1.0.0");
    }

    [Fact]
    public async Task Old_code_is_not_started_on_data_that_it_does_not_know()
    {
        await using var agent = await WithRowsAsync();
        agent.ExpectsErrors = true;
        agent.Environment[DieAt] = "after:9";
        var bundle = await agent.BundleAsync("2.0.0", Rows.V2Unwell);
        await agent.StartAsync();
        Assert.Null(await UnlessItDiesAsync(agent, () => agent.UpgradeAsync(bundle)));
        Directory.Delete(
            Path.Combine(shared.Engine.DataFolder, "appliance-snapshots", agent.Project, "op-2"),
            recursive: true
        );

        var died = TimeProvider.System.GetUtcNow();
        agent.Environment.Remove(DieAt);
        await agent.StartAsync();
        var end = await agent.EndOfAsync("op-2");

        Assert.Equal(OperationState.Failed, end.State);
        Assert.Contains("is gone", end.Sentence, StringComparison.Ordinal);
        await agent.BecomesAsync("db", ServiceState.Stopped);
        await agent.StopAsync();
        await agent.StartAsync();
        await agent.BecomesAsync("db", ServiceState.Stopped);
        Assert.Empty(await StartedSinceAsync(agent, died));
        Assert.Equal("2", (await File.ReadAllTextAsync(Path.Combine(await agent.FolderAsync(), "format"), Ct)).Trim());
    }

    /// <summary>What the engine says was made or started of the old release, gone again or not.</summary>
    private static async Task<List<string>> StartedSinceAsync(RealAgent agent, DateTimeOffset since)
    {
        var past = new EventQuery
        {
            Types = [EventType.Container],
            Actions = [EventActions.Create, EventActions.Start],
            Labels = [$"appliance.project={agent.Project}", "release=1.0.0"],
            Since = since,
            Until = TimeProvider.System.GetUtcNow(),
        };
        var found = new List<string>();
        await foreach (var e in agent.Engine.Events.ReadAsync(past, Ct))
            found.Add($"{e.Action} {e.Attributes.GetValueOrDefault("name")}");
        return found;
    }

    /// <summary>Kills the agent in an operation, and holds that it comes to the end that it has without.</summary>
    /// <returns>True: the operation ended before it came to the place to die at.</returns>
    private async Task<bool> SurvivesAsync(Course course, string place)
    {
        await using var agent = await WithRowsAsync();
        var old = await Rows.PictureAsync(await agent.FolderAsync());
        var begin = await PrepareAsync(agent, course);
        agent.Environment[DieAt] = place;
        await agent.StartAsync();
        var before = await NewestAsync(agent);

        var operation = await UnlessItDiesAsync(agent, begin);
        var survived = operation is not null;
        if (survived)
            await agent.KillAsync();
        agent.Environment.Remove(DieAt);
        await agent.StartAsync();
        if (!survived)
        {
            var found = await NewestAsync(agent);
            operation = found?.Id == before?.Id ? await begin() : await agent.EndOfAsync(found!.Id);
        }

        try
        {
            Assert.Equal(
                course is Course.UpgradeTakenBack ? OperationState.RolledBack : OperationState.Done,
                operation!.State
            );
            await agent.RunsOnItsDataAsync(course is Course.Upgrade ? "2.0.0" : "1.0.0");
            if (course is not Course.Upgrade)
                Assert.Equal(old, await Rows.PictureAsync(await agent.FolderAsync()));
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{course}, killed {place}: {operation}\n{agent.Log}", e);
        }
        return survived;
    }

    private async Task<RealAgent> WithRowsAsync()
    {
        var agent = RealAgent.On(shared.Engine);
        await agent.StartAsync();
        await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", Rows.V1));
        await agent.WriteAsync("of one");
        await agent.KillAsync();
        return agent;
    }

    private static async Task<Func<Task<Operation>>> PrepareAsync(RealAgent agent, Course course)
    {
        if (course is not Course.Rollback)
        {
            var bundle = await agent.BundleAsync("2.0.0", course is Course.Upgrade ? Rows.V2 : Rows.V2Breaking);
            return () => agent.UpgradeAsync(bundle);
        }
        await agent.StartAsync();
        await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", Rows.V2));
        await agent.WriteAsync("that is lost");
        var plan = await agent.Updates.PlanRollbackAsync(new PlanRollbackRequest(), cancellationToken: Ct);
        await agent.KillAsync();
        return () => agent.RollBackAsync(plan.LosesDataSince);
    }

    private static async Task<Operation?> NewestAsync(RealAgent agent) =>
        (
            await agent.Operations.ListOperationsAsync(new ListOperationsRequest { Limit = 1 }, cancellationToken: Ct)
        ).Operations.FirstOrDefault();

    /// <summary>What the work gives; null when the agent died in it.</summary>
    private static async Task<Operation?> UnlessItDiesAsync(RealAgent agent, Func<Task<Operation>> work)
    {
        try
        {
            return await work();
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable)
        {
            await agent.EndedAsync();
            return null;
        }
    }
}
