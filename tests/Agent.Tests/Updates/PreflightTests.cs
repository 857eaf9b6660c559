using System.Net;
using System.Net.Sockets;
using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What an agent on a real engine finds before it touches anything, and what it says of an upgrade.</summary>
public sealed class PreflightTests(EngineTroubleTests.SmallEngine on) : IClassFixture<EngineTroubleTests.SmallEngine>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task All_that_speaks_against_an_upgrade_is_named_at_once_and_nothing_is_touched()
    {
        await using var agent = await RunningAsync();
        using var holder = new TcpListener(IPAddress.Loopback, 0);
        holder.Start();
        var port = ((IPEndPoint)holder.LocalEndpoint).Port;
        agent.Images = [Images.Big];
        var bundle = await agent.BundleAsync(
            agent.Signer,
            "2.0.0",
            $$"""
            {{TwoServices.Of("2.0.0", image: Images.Big.Reference)}}
                ports: ["127.0.0.1:{{port}}:80"]
                mem_reservation: 4000g
            """,
            upgradeFrom: ">=1.5.0"
        );
        on.Engine.Disk.Fill(leaving: 8 << 20);

        var staged = await agent.StageAsync(bundle);
        var end = await agent.StartUpgradeAsync(staged.Digest);
        on.Engine.Disk.Free();

        var refusals = staged.Plan.Findings.Where(f => f.Refuses).ToList();
        Assert.Equal(["memory", "ports", "space", "upgrade-path"], refusals.Select(f => f.Kind).Order());
        Assert.All(refusals, f => Assert.NotEmpty(f.Remedy));
        Assert.Equal((OperationState.Refused, "preflighted"), (end.State, end.Phase));
        Assert.All(
            refusals.Where(f => f.Kind != "space"),
            f => Assert.Contains(f.Sentence, end.Reason, StringComparison.Ordinal)
        );
        Assert.Contains("the engine's file system has", end.Reason, StringComparison.Ordinal);
        Assert.Contains($"port {port}/tcp, which data is to have", end.Reason, StringComparison.Ordinal);
        await agent.RunsWholeAsync("1.0.0");
    }

    [Fact]
    public async Task An_upgrade_whose_requirements_are_not_met_is_refused_and_nothing_is_changed()
    {
        await using var agent = await RunningAsync();
        var containers = await IdsAsync(agent);
        agent.Appliance = ", requirements: {agent: \">=999.0.0\", disk: 900t, memory: 900t}";

        var staged = await agent.StageAsync(await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0")));
        var end = await agent.StartUpgradeAsync(staged.Digest);

        var refusals = staged.Plan.Findings.Where(f => f.Refuses).ToList();
        Assert.Equal(["requires-agent", "requires-disk", "requires-memory"], refusals.Select(f => f.Kind).Order());
        Assert.All(refusals, f => Assert.NotEmpty(f.Remedy));
        Assert.Equal((OperationState.Refused, "preflighted"), (end.State, end.Phase));
        Assert.All(refusals, f => Assert.Contains(f.Sentence, end.Reason, StringComparison.Ordinal));
        var status = await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: Ct);
        Assert.Contains(
            $"the release needs an agent of version >=999.0.0, and this one is {status.Agent.Version}",
            end.Reason,
            StringComparison.Ordinal
        );
        Assert.Matches($"and that of {on.Engine.DataFolder} has [0-9]+", end.Reason);
        Assert.Equal(containers, await IdsAsync(agent));
        await agent.RunsWholeAsync("1.0.0");

        agent.Appliance = ", requirements: {agent: \">=0.0.0-0\", disk: 64m, memory: 64m}";
        var next = await agent.StageAsync(await agent.BundleAsync("2.1.0", TwoServices.Of("2.1.0")));

        Assert.DoesNotContain(next.Plan.Findings, f => f.Kind.StartsWith("requires-", StringComparison.Ordinal));
        Assert.Equal(OperationState.Done, (await agent.StartUpgradeAsync(next.Digest)).State);
        await agent.RunsWholeAsync("2.1.0");
    }

    [Fact]
    public async Task An_upgrade_that_nothing_speaks_against_is_planned_with_its_downtime_and_its_duration()
    {
        await using var agent = await RunningAsync();
        var first = await agent.StageAsync(await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0")));
        Assert.DoesNotContain(first.Plan.Findings, f => f.Refuses);
        Assert.Null(first.Plan.Duration);
        Assert.All(first.Plan.Services, s => Assert.True(s.Interrupted && s.Downtime is null, $"{s}"));
        Assert.Equal(OperationState.Done, (await agent.StartUpgradeAsync(first.Digest)).State);

        var next = await agent.StageAsync(
            await agent.BundleAsync("3.0.0", TwoServices.Of("3.0.0", image: Images.Big.Reference), Images.Big)
        );

        Assert.All(next.Plan.Services, s => Assert.True(s.Downtime?.ToTimeSpan() > TimeSpan.Zero, $"{s}"));
        // Nothing was loaded yet, so nobody knows how long that takes.
        Assert.Null(next.Plan.Duration);
        Assert.Equal(next.Plan.BytesToUnpack, next.Plan.Space.Layers);
        Assert.True(next.Plan.Space.FileSystems.Single(f => f.Folder == on.Engine.DataFolder).Needed > 64 << 20);
        Assert.Equal(OperationState.Done, (await agent.StartUpgradeAsync(next.Digest)).State);

        var last = await agent.StageAsync(await agent.BundleAsync("4.0.0", TwoServices.Of("4.0.0")));
        Assert.NotNull(last.Plan.Duration);
        Assert.Equal((0, 0), (last.Plan.Space.Layers, last.Plan.Space.Content));
    }

    [Fact]
    public async Task A_migration_is_named_and_not_on_the_way_back_to_what_it_has_done()
    {
        await using var agent = await RealAgent.StartEmptyAsync(on.Engine);
        var one = await agent.StageAsync(await agent.BundleAsync("1.0.0", Migrated("1.0.0")));
        Assert.Equal(["migrate"], one.Plan.Migrations);
        Assert.Equal(OperationState.Done, (await agent.StartUpgradeAsync(one.Digest)).State);

        var two = await agent.StageAsync(await agent.BundleAsync("2.0.0", Migrated("2.0.0")));
        Assert.Equal(["migrate"], two.Plan.Migrations);
        Assert.Equal(OperationState.Done, (await agent.StartUpgradeAsync(two.Digest)).State);

        var back = await agent.Updates.PlanRollbackAsync(new PlanRollbackRequest(), cancellationToken: Ct);
        Assert.Empty(back.Migrations);
        Assert.DoesNotContain(back.Findings, f => f.Refuses);
    }

    [Fact]
    public async Task What_the_engine_has_lost_of_both_releases_is_counted_once()
    {
        await using var agent = await RealAgent.StartEmptyAsync(on.Engine);
        var (one, two) = (Sharing("one"), Sharing("two"));
        await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", Only(one), one));
        await agent.Maintenance.HoldAsync(new HoldRequest { Reason = "a new disk" }, cancellationToken: Ct);
        await agent.Engine.Containers.RemoveAsync($"{agent.Project}-web-1", force: true, false, Ct);
        await agent.Engine.Images.RemoveAsync(one.Id, force: true, Ct);

        var staged = await agent.StageAsync(await agent.BundleAsync("2.0.0", Only(two), two));

        Assert.InRange(staged.Plan.Space.Layers, 5 << 20, long.MaxValue);
        Assert.Equal(0, staged.Plan.Space.RollbackSet);
    }

    [Fact]
    public async Task A_hold_is_a_reason_of_the_plan_and_goes_with_it()
    {
        await using var agent = await RunningAsync();
        await agent.Maintenance.HoldAsync(new HoldRequest { Reason = "a new disk" }, cancellationToken: Ct);
        var bundle = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));

        var held = await agent.StageAsync(bundle);
        await agent.Maintenance.ReleaseAsync(new ReleaseRequest(), cancellationToken: Ct);
        var free = await agent.StageAsync(bundle);

        Assert.Contains(held.Plan.Findings, f => f is { Kind: "pending", Refuses: true });
        Assert.DoesNotContain(free.Plan.Findings, f => f.Kind == "pending");
    }

    private static async Task<IEnumerable<string>> IdsAsync(RealAgent agent) =>
        (await agent.ContainersAsync()).Select(c => c.Id).Order();

    /// <summary>One that differs from others in its configuration only.</summary>
    private static BusyboxImage Sharing(string what) =>
        BusyboxImage.Build(
            new ImageRecipe
            {
                Reference = $"appliance-test/sharing:{what}",
                Cmd = ["sleep", "1000000"],
                Env = [$"WHAT={what}"],
                Files = new Dictionary<string, string> { ["shared"] = new('y', 5 << 20) },
            }
        );

    private static string Only(BusyboxImage image) =>
        $$$"""
            services:
              web:
                image: {{{image.Reference}}}
                stop_signal: SIGKILL
                deploy: {update_config: {monitor: 100ms}}
            """;

    private async Task<RealAgent> RunningAsync()
    {
        await on.ForgetBigAsync(Ct);
        var agent = RealAgent.On(on.Engine);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        return agent;
    }

    private static string Migrated(string version) =>
        $$$"""
            services:
              web:
                image: {{{RealAgent.Image}}}
                stop_signal: SIGKILL
                deploy: {update_config: {monitor: 100ms}}
                depends_on: {migrate: {condition: service_completed_successfully}}
              migrate:
                image: {{{RealAgent.Image}}}
                command: ["echo", "{{{version}}}"]
            """;
}
