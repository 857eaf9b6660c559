using Appliance.Agent.Tests.Running;
using Appliance.Agent.Tests.Updates;
using Appliance.Testing;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Outcome = Appliance.V1.DisasterReport.Types.Outcome;

namespace Appliance.Agent.Tests.Drills;

/// <summary>Whatever ends a drill, nothing of it is left.</summary>
public sealed class DrillLifeTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_an_agent_that_is_killed_in_the_middle_has_slowed_is_given_back_at_its_next_start()
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine, "cpus: 0.5");
        var begun = await drilled.BeginAsync(isShort: false, "slow-service", "kill-service");
        await drilled.InjectedAsync();
        await SlowedAsync(drilled, isSlowed: true);

        await drilled.Agent.KillAsync();
        await SlowedAsync(drilled, isSlowed: true);
        await drilled.Agent.StartAsync();

        await SlowedAsync(drilled, isSlowed: false);
        var report = await drilled.EndOfAsync(begun.Id);
        Assert.Equal(OperationState.Failed, report.Operation.State);
        Assert.Equal("the agent ended in the middle of it", report.Operation.Reason);
        Assert.Equal(
            [
                (Outcome.Failed, "it was undone at its next start"),
                (Outcome.NotRun, "the agent ended in the middle of it"),
            ],
            report.Disasters.Select(d => (d.Outcome, d.Why.Split("; ")[^1]))
        );
        // Nothing is in the way of what comes next.
        await drilled.WellAsync();
        Assert.Equal(OperationState.Done, (await drilled.DrillAsync("kill-service")).Operation.State);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_disk_that_an_agent_has_filled_is_emptied_at_its_next_start()
    {
        await using var drilled = await DrilledApplication.StartAsync(
            shared.Engine,
            settings: "healing: {least-free-space: 24}",
            drills: "reserve: 16",
            disk: 128
        );
        var begun = await drilled.BeginAsync(isShort: true, "fill-disk");
        await Eventually.TrueAsync("the disk is full", () => drilled.FreeMebibytes < 24, Ct);

        await drilled.Agent.KillAsync();
        Assert.True(drilled.FreeMebibytes < 24);
        await drilled.Agent.StartAsync();

        await Eventually.TrueAsync("the ballast is gone", () => drilled.FreeMebibytes > 48, Ct);
        Assert.Equal(OperationState.Failed, (await drilled.EndOfAsync(begun.Id)).Operation.State);
    }

    [Fact]
    public async Task A_drill_that_kills_the_agent_goes_on_with_its_next_start()
    {
        await using var drilled = await DrilledApplication.StartAsync(
            shared.Engine,
            drills: "{agent-comes-back: true, ingress-comes-back: true}"
        );
        var begun = await drilled.BeginAsync(isShort: true, "kill-agent");

        await drilled.Agent.EndedAsync();
        await drilled.Agent.StartAsync();

        var report = await drilled.EndOfAsync(begun.Id);
        var disaster = Assert.Single(report.Disasters);
        Assert.Equal((Outcome.Passed, "nobody asked while the agent was away"), (disaster.Outcome, disaster.Why));
        Assert.Equal(("the agent", "it was started again"), (disaster.Target, disaster.DetectedBy));
        Assert.True(disaster.Detected.ToTimeSpan() <= disaster.Recovered.ToTimeSpan());
        Assert.Equal((OperationState.Done, 0), (report.Operation.State, disaster.Lost));
    }

    [Fact]
    public async Task What_nothing_here_would_start_again_is_not_killed_and_that_is_said()
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine, drills: "rate: 50");

        var report = await drilled.DrillAsync("stop-ingress", "kill-engine", "kill-agent");

        Assert.All(report.Disasters, d => Assert.Equal(Outcome.NotRun, d.Outcome));
        Assert.Equal(
            [
                "nothing here would start HAProxy again: systemd does not run the agent, and drills.ingress-comes-back is off",
                "nothing here would start the engine again: systemd does not run the agent, and healing.engine-pid-file is not set",
                "nothing here would start the agent again: systemd does not run it, and drills.agent-comes-back is off",
            ],
            report.Disasters.Select(d => d.Why)
        );
        Assert.Equal(OperationState.Refused, report.Operation.State);
        var listed = await drilled.Agent.Drills.ListDisastersAsync(new ListDisastersRequest(), cancellationToken: Ct);
        Assert.Equal("web", listed.Service);
        Assert.Equal(
            ["stop-ingress", "kill-engine", "kill-agent"],
            listed.Disasters.Where(d => d.WhyNot.Length > 0).Select(d => d.Name)
        );
    }

    [Fact]
    public async Task A_drill_begins_only_when_all_is_well_and_nothing_else_is_done_and_ends_when_it_is_cancelled()
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine);
        var agent = drilled.Agent;
        await agent.Maintenance.HoldAsync(new HoldRequest(), cancellationToken: Ct);
        Assert.Contains("holds the appliance for maintenance", await RefusedAsync(() => BeginAsync("kill-service")));
        await agent.Maintenance.ReleaseAsync(new ReleaseRequest(), cancellationToken: Ct);
        Assert.Contains(
            "no disaster \"flood\"; there are: kill-service,",
            await RefusedAsync(() => BeginAsync("flood"))
        );

        var begun = await drilled.BeginAsync(isShort: false, "slow-service", "kill-service");
        await drilled.InjectedAsync();
        await SlowedAsync(drilled, isSlowed: true);
        Assert.Contains("drill-1 is under way", await RefusedAsync(() => BeginAsync("kill-service")));
        Assert.Contains(
            "drill-1 is under way",
            await RefusedAsync(() =>
                agent.Maintenance.HoldAsync(new HoldRequest(), cancellationToken: Ct).ResponseAsync
            )
        );
        var bundle = await agent.BundleAsync("2.0.0", "services:\n  web: {image: \"appliance-test/busybox:1\"}");
        Assert.Contains("drill-1 is under way", await RefusedAsync(() => agent.StageAsync(bundle)));

        await agent.CancelAsync(begun.Id);

        var report = await drilled.EndOfAsync(begun.Id);
        await SlowedAsync(drilled, isSlowed: false);
        Assert.Equal(OperationState.Cancelled, report.Operation.State);
        Assert.Equal([Outcome.Failed, Outcome.NotRun], report.Disasters.Select(d => d.Outcome));
        Assert.Equal("it was broken off before it had recovered, and undone", report.Disasters[0].Why);
        Assert.EndsWith("had the drill ended", report.Disasters[1].Why);

        agent.Services.StopService(new StopServiceRequest { Name = "web" }, cancellationToken: Ct);
        await agent.BecomesAsync("web", ServiceState.Stopped);
        var stopped = await drilled.DrillAsync("kill-service");
        Assert.Equal("nothing of web runs", Assert.Single(stopped.Disasters).Why);

        async Task BeginAsync(string name) => await drilled.BeginAsync(isShort: true, name);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Nothing_is_brought_about_after_the_window()
    {
        await using var drilled = await DrilledApplication.StartAsync(shared.Engine);

        var begun = await drilled.Agent.Drills.StartDrillAsync(
            new StartDrillRequest
            {
                Names = { "slow-service", "kill-service" },
                Window = Duration.FromTimeSpan(TimeSpan.FromSeconds(10)),
            },
            cancellationToken: Ct
        );

        // It would last for 30 s.
        var report = await drilled.EndOfAsync(begun.Id);
        await SlowedAsync(drilled, isSlowed: false);
        Assert.Equal(
            [
                (Outcome.Failed, "it was broken off before it had recovered, and undone"),
                (Outcome.NotRun, "the window had ended"),
            ],
            report.Disasters.Select(d => (d.Outcome, d.Why))
        );
        Assert.Equal(OperationState.Failed, report.Operation.State);
    }

    private static Task SlowedAsync(DrilledApplication drilled, bool isSlowed) =>
        Eventually.TrueAsync(
            isSlowed ? "it is slowed" : "it has its processor back",
            async ct =>
            {
                var container = $"{drilled.Agent.Project}-web-1";
                var host = (await drilled.Agent.Engine.Containers.InspectAsync(container, ct)).HostConfig;
                return (host.NanoCpus is 10_000_000 || host.CpuQuota is 1_000) == isSlowed;
            },
            Ct
        );

    private static async Task<string> RefusedAsync(Func<Task> call) =>
        (await Assert.ThrowsAsync<RpcException>(call)).Status.Detail;
}
