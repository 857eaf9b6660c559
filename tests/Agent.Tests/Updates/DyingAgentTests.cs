using Appliance.Agent.Tests.Running;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;
using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Tests.Updates;

/// <summary>
/// The agent is killed right before or after an entry of its journal, and started again: one release runs, whole, and the
/// journal, the status and what is trusted agree on which.
/// </summary>
public sealed class DyingAgentTests(SharedEngine shared)
{
    private const string DieAt = "APPLIANCE_TEST_DIE_AT";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>What an operation is to come to.</summary>
    public enum Course
    {
        Upgrade,

        /// <summary>An upgrade to what never gets healthy.</summary>
        UpgradeTakenBack,
        Rollback,
        Install,

        /// <summary>An installation of what never gets healthy.</summary>
        InstallTakenBack,
    }

    public static TheoryData<Course, string> All =>
        [.. Enum.GetValues<Course>().SelectMany(c => new[] { (c, "before"), (c, "after") })];

    [Theory]
    [InlineData(Course.Install, "after:9")] // observing
    [InlineData(Course.Upgrade, "before:1", Traits = ["Category", "Long"])] // verified
    [InlineData(Course.Upgrade, "after:3", Traits = ["Category", "Long"])] // loading
    [InlineData(Course.Upgrade, "after:6")] // the first service is switched
    [InlineData(Course.Upgrade, "before:10", Traits = ["Category", "Long"])] // committed
    [InlineData(Course.Upgrade, "after:10", Traits = ["Category", "Long"])]
    [InlineData(Course.UpgradeTakenBack, "after:9")] // rolling back
    [InlineData(Course.Upgrade, "after:11", Traits = ["Category", "Long"])] // the end
    public async Task What_the_agent_dies_in_comes_to_its_end(Course course, string place) =>
        Assert.False(await SurvivesAsync(course, place, goesOn: false));

    [Fact]
    public async Task An_image_that_the_engine_was_given_when_the_machine_went_down_is_given_again()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        var image = BusyboxImage.Build(
            new ImageRecipe
            {
                Reference = $"appliance-test/{agent.Project}:2",
                Files = new Dictionary<string, string> { ["file"] = agent.Project },
            }
        );
        var bundle = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0", image: image.Reference), image);
        // The engine has it; that its disk has is what is taken back below.
        agent.Environment[DieAt] = "before:4";
        await agent.StartAsync();
        Assert.Null(await UnlessItDiesAsync(agent, () => agent.UpgradeAsync(bundle)));
        agent.Environment.Remove(DieAt);
        await agent.Engine.Images.InspectAsync(image.Id, Ct);
        using (var state = new SqliteConnection($"Data Source={agent.Data}/agent.db;Pooling=False"))
        {
            state.Open();
            using var command = state.CreateCommand();
            command.CommandText = "INSERT INTO unsettled_images (id, boot) VALUES ($id, 'the one before')";
            command.Parameters.AddWithValue("$id", image.Id);
            Assert.Equal(1, command.ExecuteNonQuery());
        }

        using var heard = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var deleted = DeletedAsync(agent, image.Id, TimeProvider.System.GetUtcNow(), heard.Token);
        await agent.StartAsync();
        var operation = await agent.EndOfAsync((await NewestAsync(agent))!.Id);
        Assert.Equal(OperationState.Done, operation.State);
        await deleted.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Ct);
        await agent.RunsWholeAsync("2.0.0");
    }

    private static async Task DeletedAsync(RealAgent agent, string image, DateTimeOffset since, CancellationToken ct)
    {
        var query = new EventQuery
        {
            Since = since,
            Types = [EventType.Image],
            Actions = [EventActions.Delete],
        };
        await foreach (var e in agent.Engine.Events.ReadAsync(query, ct))
        {
            if (e.ActorId == image)
                return;
        }
    }

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(All))]
    public async Task It_does_wherever_the_agent_dies(Course course, string side)
    {
        var entry = 1;
        while (!await SurvivesAsync(course, $"{side}:{entry}", goesOn: true))
            entry++;
        Assert.InRange(entry, 10, 20);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task What_takes_the_agent_down_at_each_start_is_taken_back()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        var bundle = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));
        agent.Environment[DieAt] = "after:5";
        await agent.StartAsync();
        Assert.Null(await UnlessItDiesAsync(agent, () => agent.UpgradeAsync(bundle)));

        // The first entry of a start says that it is one; what follows is the operation's.
        agent.Environment[DieAt] = "after:2";
        Operation? end = null;
        for (var start = 1; end is null; start++)
        {
            Assert.InRange(start, 1, 10);
            if (await agent.TryStartAsync())
                end = await UnlessItDiesAsync(
                    agent,
                    async () => await agent.EndOfAsync((await NewestAsync(agent))!.Id)
                );
        }

        Assert.Equal(OperationState.RolledBack, end.State);
        Assert.Matches("the agent was started [0-9]+ times while it ran", end.Reason);
        await agent.RunsWholeAsync("1.0.0");
    }

    /// <summary>Kills the agent in an operation, and holds that it comes to the end that it has without.</summary>
    /// <param name="course">The operation.</param>
    /// <param name="place">Before or after which entry, as the agent is told it.</param>
    /// <param name="goesOn">Whether the next upgrade is made, and not only taken in.</param>
    /// <returns>True: the operation ended before it came to the place to die at.</returns>
    private async Task<bool> SurvivesAsync(Course course, string place, bool goesOn)
    {
        await using var agent = RealAgent.On(shared.Engine);
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
            await HasEndedWellAsync(agent, course, operation!);
            await MayGoOnAsync(agent, course, goesOn);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{course}, killed {place}: {operation}\n{agent.Log}", e);
        }
        return survived;
    }

    /// <returns>What begins the operation, and follows it to its end.</returns>
    private static async Task<Func<Task<Operation>>> PrepareAsync(RealAgent agent, Course course)
    {
        if (course is not (Course.Install or Course.InstallTakenBack))
            await agent.InstallAsync(TwoServices.Of("1.0.0"));
        if (course is Course.Rollback)
        {
            await agent.StartAsync();
            await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0")));
            await agent.KillAsync();
            return () => agent.RollBackAsync();
        }
        var bundle = course switch
        {
            Course.Install => await agent.BundleAsync("1.0.0", TwoServices.Of("1.0.0")),
            Course.Upgrade => await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0")),
            _ => await agent.BundleAsync("3.0.0", TwoServices.Of("3.0.0", check: "false")),
        };
        return () => agent.UpgradeAsync(bundle);
    }

    private static async Task HasEndedWellAsync(RealAgent agent, Course course, Operation operation)
    {
        var (end, runs) = course switch
        {
            Course.Install or Course.Rollback => (OperationState.Done, "1.0.0"),
            Course.Upgrade => (OperationState.Done, "2.0.0"),
            Course.InstallTakenBack => (OperationState.RolledBack, ""),
            _ => (OperationState.RolledBack, "1.0.0"),
        };
        Assert.Equal(end, operation.State);
        Assert.Equal(end is OperationState.Done ? "pruned" : "rolled-back", operation.Phase);
        await agent.RunsWholeAsync(runs);
    }

    /// <summary>What was taken back raised nothing; what was committed may not be gone below.</summary>
    private static async Task MayGoOnAsync(RealAgent agent, Course course, bool goesOn)
    {
        var hasRisen = course is Course.Upgrade or Course.Rollback;
        if (hasRisen)
        {
            var older = await agent.BundleAsync("1.5.0", TwoServices.Of("1.5.0"));
            var refused = await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(older));
            Assert.Contains("1.5.0 is lower than 2.0.0", refused.Status.Detail, StringComparison.Ordinal);
        }
        var version = hasRisen ? "2.1.0" : "1.6.0";
        var staged = await agent.StageAsync(await agent.BundleAsync(version, TwoServices.Of(version)));
        if (!goesOn)
            return;
        Assert.Equal(OperationState.Done, (await agent.StartUpgradeAsync(staged.Digest)).State);
        await agent.RunsWholeAsync(version);
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
