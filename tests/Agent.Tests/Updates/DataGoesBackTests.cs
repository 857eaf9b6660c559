using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>Data goes back with the code that it belongs to.</summary>
public sealed class DataGoesBackTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("fails", "migrate")]
    [InlineData("hangs", "migrate had not completed within 3 s", Traits = ["Category", "Long"])]
    [InlineData("leads to what is unwell", "db: Unhealthy", Traits = ["Category", "Long"])]
    public async Task A_migration_that_does_not_end_well_leaves_no_trace(string which, string reason)
    {
        await using var agent = await WithRowsAsync();
        var before = await Rows.PictureAsync(await agent.FolderAsync());
        var release = which switch
        {
            "fails" => Rows.V2Breaking,
            "hangs" => Rows.V2Hanging,
            _ => Rows.V2Unwell,
        };

        var taken = await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", release));

        Assert.Equal(OperationState.RolledBack, taken.State);
        Assert.Contains(reason, taken.Reason, StringComparison.Ordinal);
        if (which != "leads to what is unwell")
            Assert.Contains("converting", taken.Evidence, StringComparison.Ordinal);
        Assert.Equal(before, await Rows.PictureAsync(await agent.FolderAsync()));
        await agent.RunsOnItsDataAsync("1.0.0");
        // What it had done to the data is undone, so it does it again.
        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(await agent.BundleAsync("2.0.1", Rows.V2))).State);
        await agent.RunsOnItsDataAsync("2.0.1");
    }

    [Fact]
    public async Task A_rollback_brings_the_data_back_too_when_what_is_lost_is_agreed_to()
    {
        await using var agent = await WithRowsAsync();
        var before = await Rows.PictureAsync(await agent.FolderAsync());
        var done = await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", Rows.V2));
        Assert.Equal(OperationState.Done, done.State);
        Assert.Contains("converting", done.Evidence, StringComparison.Ordinal);
        await agent.RunsOnItsDataAsync("2.0.0");
        await agent.WriteAsync("that is lost");

        var plan = await agent.Updates.PlanRollbackAsync(new PlanRollbackRequest(), cancellationToken: Ct);
        Assert.Equal([VolumeChange.Types.Change.BroughtBack], plan.Volumes.Select(v => v.Change));
        Assert.NotEqual("", plan.LosesDataSince);
        foreach (var agreed in (string[])["", "2026-01-01T00:00:00Z"])
        {
            var refused = await Assert.ThrowsAsync<RpcException>(() => agent.RollBackAsync(agreed));
            Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
            Assert.Contains(plan.LosesDataSince, refused.Status.Detail, StringComparison.Ordinal);
        }
        await agent.RunsOnItsDataAsync("2.0.0");

        var back = await agent.RollBackAsync(plan.LosesDataSince);

        Assert.Equal(OperationState.Done, back.State);
        Assert.Equal(before, await Rows.PictureAsync(await agent.FolderAsync()));
        await agent.RunsOnItsDataAsync("1.0.0");
        // What was abandoned is kept as well.
        var kept = Directory.GetFiles(
            Path.Combine(shared.Engine.DataFolder, "appliance-snapshots", agent.Project, back.Id),
            "rows",
            SearchOption.AllDirectories
        );
        Assert.Contains("that is lost", await File.ReadAllTextAsync(Assert.Single(kept), Ct), StringComparison.Ordinal);
        // And forward again: what the migration did is not in this data, whether anything is kept of it or not.
        var again = await agent.StageAsync(await agent.BundleAsync("2.0.0", Rows.V2));
        Assert.Equal(
            OperationState.Done,
            (await agent.UpgradeWithoutAsync(again.Digest, "I accept that data may be lost")).State
        );
        await agent.RunsOnItsDataAsync("2.0.0");
    }

    [Fact]
    public async Task What_only_became_more_stays_when_the_code_goes_back()
    {
        await using var agent = await WithRowsAsync();
        Assert.Equal(
            OperationState.Done,
            (await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", Rows.V2Expanding))).State
        );
        await agent.WriteAsync("of two");

        Assert.Equal(OperationState.Done, (await agent.RollBackAsync()).State);

        await agent.RunsOnItsDataAsync("1.0.0");
        Assert.Equal("row of one\nrow of two\n", await agent.ReadAsync());
    }

    [Fact]
    public async Task What_is_no_longer_kept_is_not_gone_back_to()
    {
        await using var agent = RealAgent.On(shared.Engine);
        agent.Environment["APPLIANCE__UPDATES__SNAPSHOT_RETENTION"] = "1s";
        await WithRowsAsync(agent);
        await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", Rows.V2));
        await agent.StopAsync();
        await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System, Ct);
        await agent.StartAsync();
        await Eventually.TrueAsync(
            "it is given back",
            _ =>
                Task.FromResult(
                    !Directory
                        .EnumerateDirectories(
                            Path.Combine(shared.Engine.DataFolder, "appliance-snapshots", agent.Project)
                        )
                        .Any()
                ),
            Ct
        );

        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.RollBackAsync());

        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Contains("snapshot-retention", refused.Status.Detail, StringComparison.Ordinal);
        await agent.RunsOnItsDataAsync("2.0.0");
    }

    [Fact]
    public async Task Who_agrees_to_it_in_words_goes_without_a_snapshot()
    {
        await using var agent = await WithRowsAsync();
        var staged = await agent.StageAsync(await agent.BundleAsync("2.0.0", Rows.V2));
        Assert.Equal([VolumeChange.Types.Change.Breaking], staged.Plan.Volumes.Select(v => v.Change));

        var wrong = await Assert.ThrowsAsync<RpcException>(() => agent.UpgradeWithoutAsync(staged.Digest, "yes"));
        Assert.Equal(StatusCode.FailedPrecondition, wrong.StatusCode);
        var done = await agent.UpgradeWithoutAsync(staged.Digest, "I accept that data may be lost");

        Assert.Equal(OperationState.Done, done.State);
        await agent.RunsOnItsDataAsync("2.0.0");
        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.RollBackAsync());
        Assert.Contains("agreed to go without", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_uses_the_data_and_is_not_the_agents_to_stop_is_a_reason_of_the_plan()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        await agent.Engine.Volumes.CreateAsync(
            new Docker.VolumeSpec
            {
                Name = $"{agent.Project}_rows",
                Labels = new Dictionary<string, string> { ["appliance.project"] = agent.Project },
            },
            Ct
        );
        var stranger = await StrangerAsync(agent);

        var staged = await agent.StageAsync(await agent.BundleAsync("2.0.0", Rows.V2));
        var refused = await agent.StartUpgradeAsync(staged.Digest);

        var finding = staged.Plan.Findings.Single(f => f.Refuses);
        Assert.Equal("data", finding.Kind);
        Assert.StartsWith($"{stranger} uses {agent.Project}_rows", finding.Sentence, StringComparison.Ordinal);
        Assert.Equal(OperationState.Refused, refused.State);
        Assert.StartsWith(finding.Sentence, refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Data_does_not_come_back_from_under_a_release_that_cannot_be_read()
    {
        await using var agent = await WithRowsAsync();
        agent.ExpectsErrors = true;
        var before = Blobs(agent).Select(f => f.Name).ToHashSet();
        await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", Rows.V2));
        foreach (var file in Blobs(agent).Where(f => !before.Contains(f.Name)))
            file.Delete();

        var plan = await agent.Updates.PlanRollbackAsync(new PlanRollbackRequest(), cancellationToken: Ct);
        var failed = await agent.RollBackAsync(plan.LosesDataSince);

        var finding = plan.Findings.Single(f => f.Refuses);
        Assert.Equal("data", finding.Kind);
        Assert.StartsWith("the installed release cannot be read", finding.Sentence, StringComparison.Ordinal);
        Assert.Equal(OperationState.Failed, failed.State);
    }

    /// <summary>A container that somebody else has started.</summary>
    private static async Task<string> StrangerAsync(RealAgent agent)
    {
        var image = BusyboxImage.Build(
            new ImageRecipe { Reference = "appliance-test/stranger:1", Cmd = ["sleep", "1000000"] }
        );
        await image.LoadIntoAsync(agent.Engine, Ct);
        var name = $"{agent.Project}-by-hand";
        var created = await agent.Engine.Containers.CreateAsync(
            name,
            new Docker.ContainerSpec
            {
                Image = image.Reference,
                StopSignal = "SIGKILL",
                HostConfig = new() { Binds = [$"{agent.Project}_rows:/rows"], NetworkMode = "none" },
            },
            Ct
        );
        await agent.Engine.Containers.StartAsync(created.Id, Ct);
        return name;
    }

    private static IEnumerable<FileInfo> Blobs(RealAgent agent) =>
        new DirectoryInfo(Path.Combine(agent.Data, "content/blobs/sha256")).EnumerateFiles();

    private async Task<RealAgent> WithRowsAsync()
    {
        var agent = RealAgent.On(shared.Engine);
        await WithRowsAsync(agent);
        return agent;
    }

    private static async Task WithRowsAsync(RealAgent agent)
    {
        await agent.StartAsync();
        await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", Rows.V1));
        await agent.WriteAsync("of one");
    }
}
