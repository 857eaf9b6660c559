using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>Releases come and go, and what serves goes on serving.</summary>
public sealed class UpdateTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_release_is_installed_upgraded_and_come_back_from_with_its_data()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        var (one, two) = (
            await agent.BundleAsync("1.0.0", Saying("one")),
            await agent.BundleAsync("2.0.0", Saying("two"))
        );

        var installed = await agent.UpgradeAsync(one);
        Assert.Equal((OperationState.Done, OperationKind.Install), (installed.State, installed.Kind));
        Assert.Equal("one", await agent.SaysAsync("web"));
        var data = await agent.ContainerAsync("data");

        var upgraded = await agent.UpgradeAsync(two);
        Assert.Equal(
            (OperationState.Done, "1.0.0", "2.0.0"),
            (upgraded.State, upgraded.FromVersion, upgraded.ToVersion)
        );
        Assert.Equal("two", await agent.SaysAsync("web"));

        var rolledBack = await agent.RollBackAsync();
        Assert.Equal((OperationState.Done, OperationKind.Rollback), (rolledBack.State, rolledBack.Kind));
        Assert.Equal("one", await agent.SaysAsync("web"));
        // What did not change was not touched on the way.
        var after = await agent.ContainerAsync("data");
        Assert.Equal((data.Id, data.State.StartedAt), (after.Id, after.State.StartedAt));
    }

    [Fact]
    public async Task A_release_that_never_gets_healthy_is_taken_back_and_raises_nothing()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        var one = await agent.BundleAsync("1.0.0", Saying("one"));
        var two = await agent.BundleAsync("2.0.0", Saying("two"));
        var broken = await agent.BundleAsync("3.0.0-broken", Saying("three", healthy: "false"));
        await agent.UpgradeAsync(one);

        var taken = await agent.UpgradeAsync(broken);
        Assert.Equal((OperationState.RolledBack, "rolled-back"), (taken.State, taken.Phase));
        Assert.StartsWith("web: Unhealthy: not well at all", taken.Reason, StringComparison.Ordinal);
        Assert.Contains("not well at all", taken.Evidence, StringComparison.Ordinal);
        Assert.Equal("one", await agent.SaysAsync("web"));
        Assert.Equal("1.0.0", await agent.VersionAsync());

        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(two)).State);
        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(one));
        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        var history = await agent.Updates.ListHistoryAsync(new ListHistoryRequest(), cancellationToken: Ct);
        Assert.Equal(
            ["2.0.0 Done", "3.0.0-broken RolledBack", "1.0.0 Done"],
            history.Operations.Select(o => $"{o.ToVersion} {o.State}")
        );
    }

    [Fact]
    public async Task An_installation_that_fails_leaves_nothing_behind()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        var broken = await agent.BundleAsync("1.0.0", Saying("one", healthy: "false"));

        var taken = await agent.UpgradeAsync(broken);

        Assert.Equal(OperationState.RolledBack, taken.State);
        Assert.Empty(await agent.ContainersAsync());
        Assert.Equal("", await agent.VersionAsync());
        await Eventually.TrueAsync(
            "its content is given back",
            _ => Task.FromResult(!Directory.EnumerateFiles(Path.Combine(agent.Data, "content/blobs/sha256")).Any()),
            Ct
        );
    }

    [Fact]
    public async Task A_bundle_named_in_the_settings_is_installed_at_the_first_start()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        var bundle = await agent.BundleAsync("1.0.0", Saying("one"));
        await agent.StopAsync();

        agent.Environment["APPLIANCE__SOURCES__FIRST_BUNDLE"] = bundle;
        await agent.StartAsync();

        await agent.EventAsync("update.done");
        Assert.Equal("one", await agent.SaysAsync("web"));
    }

    [Fact]
    public async Task What_is_missing_of_the_installed_release_comes_back_with_its_bundle()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        var one = await agent.BundleAsync("1.0.0", Saying("one"));
        await agent.UpgradeAsync(one);
        var layer = Blobs(agent).MaxBy(f => f.Length)!;
        layer.Delete();

        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(one));

        Assert.Contains("what was damaged of it was put right", refused.Status.Detail, StringComparison.Ordinal);
        layer.Refresh();
        Assert.True(layer.Exists);
        refused = await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(one));
        Assert.EndsWith("1.0.0 is installed already", refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_release_that_cannot_be_read_any_more_is_left_for_the_one_before()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        agent.ExpectsErrors = true;
        await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", TwoServices.Of("1.0.0")));
        var before = Blobs(agent).Select(f => f.Name).ToHashSet();
        await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0")));
        foreach (var file in Blobs(agent).Where(f => !before.Contains(f.Name)))
            file.Delete();

        var plan = await agent.Updates.PlanRollbackAsync(new PlanRollbackRequest(), cancellationToken: Ct);
        var back = await agent.RollBackAsync();

        Assert.DoesNotContain(plan.Findings, f => f.Refuses);
        Assert.Equal((OperationState.Done, ""), (back.State, back.Reason));
        await agent.RunsWholeAsync("1.0.0");
    }

    [Fact]
    public async Task The_plan_says_what_would_change_and_why()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", Saying("one")));

        var staged = await agent.StageAsync(await agent.BundleAsync("2.0.0", Saying("two")));

        Assert.Equal(
            (OperationKind.Upgrade, "1.0.0", "2.0.0"),
            (staged.Plan.Kind, staged.Plan.FromVersion, staged.Plan.ToVersion)
        );
        Assert.Equal(
            ["data Untouched ", "web Changed command"],
            staged.Plan.Services.Select(s => $"{s.Service} {s.Change} {string.Join(", ", s.Reasons)}").Order()
        );
        Assert.True(staged.Plan.BytesToStore < staged.Plan.BytesToMove / 10, $"{staged.Plan}");
        Assert.Equal(0, staged.Plan.BytesToUnpack);
        Assert.Equal("1.0.0", await agent.VersionAsync());
    }

    private static IEnumerable<FileInfo> Blobs(RealAgent agent) =>
        new DirectoryInfo(Path.Combine(agent.Data, "content/blobs/sha256")).EnumerateFiles();

    private static string Saying(string what, string healthy = "true") =>
        $$$"""
            services:
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                command: ["sh", "-c", "mkdir /www; echo {{{what}}} > /www/index.html; echo serving {{{what}}}; exec sleep 1000000"]
                healthcheck: {test: ["CMD-SHELL", "{{{healthy}}} || { echo not well at all; false; }"], interval: 200ms, timeout: 2s, retries: 2}
                deploy: {update_config: {monitor: 300ms}}
                depends_on: [data]
              data:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
            """;
}
