using Appliance.Agent.Tests.Updates;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Appliance.Agent.Tests.Running;

/// <summary>Each rung of the ladder, reached by a fault that the rung below does not cure.</summary>
public sealed class HealingTests(SharedEngine shared)
{
    private const int SigStop = 19;

    // One restart, another container, a restart, the image: as the default has it, and sooner.
    private const string Quick = """
        supervision:
          backoff-first: 100ms
          backoff-ceiling: 1s
          stable-after: 20s
        healing:
          restarts: 1
          engine-patience: 1s

        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_spoilt_in_a_container_is_cured_by_another_container()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await StartAsync(
            agent,
            """
            services:
              web:
                image: appliance-test/busybox:1
                command: ["sh", "-c", "test ! -e /spoilt && exec sleep 1000000"]
                volumes: [data:/data]
            volumes: {data: {}}
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        var before = await agent.ContainerAsync("web");
        await RunAsync(agent, "touch /spoilt /data/kept");

        Posix.Kill(before.State.Pid, Posix.SigKill);

        await agent.EventAsync("container.restarted");
        var told = await agent.EventAsync("healing.acted");
        Assert.Equal($"removed {agent.Project}-web-1, to make another: try 2 in a row", told.Done);
        await agent.EventAsync("container.recreated", told.Id);
        await agent.BecomesAsync("web", ServiceState.Running);
        var after = await agent.ContainerAsync("web");
        Assert.NotEqual(before.Id, after.Id);
        Assert.Equal(0, await RunAsync(agent, "test -e /data/kept"));
    }

    [Fact]
    public async Task What_is_spoilt_in_an_image_is_cured_by_loading_it_again()
    {
        var image = BusyboxImage.Build(
            new ImageRecipe
            {
                Reference = "appliance-test/answering:1",
                Cmd = ["sh", "-c", "grep -q right /etc/answer && exec sleep 1000000"],
                Files = new Dictionary<string, string> { ["/etc/answer"] = "right" },
            }
        );
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var agent = RealAgent.On(engine);
        agent.Images = [image];
        await StartAsync(
            agent,
            """
            services:
              web: {image: "appliance-test/answering:1"}
              api: {image: "appliance-test/answering:1"}
              other: {image: "appliance-test/busybox:1"}
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("api", ServiceState.Running);
        await agent.BecomesAsync("other", ServiceState.Running);
        var (web, api, other) = (
            await agent.ContainerAsync("web"),
            await agent.ContainerAsync("api"),
            await agent.ContainerAsync("other")
        );

        foreach (var file in Directory.GetFiles(engine.DataFolder, "answer", SearchOption.AllDirectories))
            await File.WriteAllTextAsync(file, "", Ct);
        Posix.Kill(web.State.Pid, Posix.SigKill);

        // As long as another runs from it the image stays, and that is said.
        var refused = await agent.EventAsync("healing.refused", service: "web");
        Assert.Contains($"{agent.Project}-api-1 runs from the same image", refused.Found);
        Posix.Kill(api.State.Pid, Posix.SigKill);

        await Eventually.TrueAsync(
            "the image is loaded again",
            async _ =>
                (await agent.EventAsync("healing.acted", await LastReloadAsync(agent))).Done.Contains(
                    "and loaded it again",
                    StringComparison.Ordinal
                ),
            Ct,
            TimeSpan.FromMinutes(2)
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("api", ServiceState.Running);
        var now = await agent.ContainerAsync("other");
        Assert.Equal((other.Id, other.State.StartedAt), (now.Id, now.State.StartedAt));
    }

    [Fact]
    public async Task A_release_that_falls_ill_after_its_commit_is_left_for_the_one_before()
    {
        const string Careless = """
            services:
              web:
                image: appliance-test/busybox:1
                command: ["sh", "-c", "exec sleep 1000000"]
                volumes: [data:/data]
                deploy: {update_config: {monitor: 100ms}}
            volumes: {data: {}}
            """;
        await using var agent = RealAgent.On(shared.Engine);
        agent.Appliance = ", fall-back: true";
        await StartAsync(agent, Careless);
        await agent.BecomesAsync("web", ServiceState.Running);
        var bundle = await agent.BundleAsync(
            "2.0.0",
            Careless.Replace("exec sleep", "test ! -e /data/poison && exec sleep", StringComparison.Ordinal)
        );
        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(bundle)).State);
        Assert.Equal("2.0.0", await agent.VersionAsync());
        var upgraded = await agent.EventAsync("update.done");

        await RunAsync(agent, "touch /data/poison");
        Posix.Kill((await agent.ContainerAsync("web")).State.Pid, Posix.SigKill);

        await agent.EventAsync("update.done", upgraded.Id);
        Assert.Equal("1.0.0", await agent.VersionAsync());
        await agent.BecomesAsync("web", ServiceState.Running);
        var history = await agent.Updates.ListHistoryAsync(new ListHistoryRequest { Limit = 1 }, cancellationToken: Ct);
        Assert.Equal(("healing", OperationKind.Rollback), (history.Operations[0].Actor, history.Operations[0].Kind));
    }

    [Fact]
    public async Task An_engine_that_hangs_is_restarted_and_its_containers_run_on()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        await using var agent = RealAgent.On(engine);
        await StartAsync(
            agent,
            """
            services:
              web: {image: "appliance-test/busybox:1", stop_signal: SIGKILL}
            """,
            $"  engine-pid-file: {engine.PidFile}\n"
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        var before = await agent.ContainerAsync("web");

        Posix.Kill(engine.Pid, SigStop);
        await engine.EndedAsync(Ct).WaitAsync(TimeSpan.FromMinutes(2), TimeProvider.System, Ct);
        var told = await agent.EventAsync("healing.acted");
        Assert.Equal("restarting the engine", told.Done);
        await engine.RestartAsync(Ct);

        await agent.EventAsync("engine.found", told.Id);
        await agent.BecomesAsync("web", ServiceState.Running);
        var after = await agent.ContainerAsync("web");
        Assert.Equal((before.Id, before.State.StartedAt), (after.Id, after.State.StartedAt));
    }

    [Fact]
    public async Task What_a_full_disk_keeps_ill_settles_at_the_longest_pace_and_recovers_when_there_is_room()
    {
        await using var agent = RealAgent.On(shared.Engine);
        using var disk = new SmallDisk(agent.Data, 64 * 1024);
        await StartAsync(
            agent,
            """
            services:
              web:
                image: appliance-test/busybox:1
                command: ["sh", "-c", "test ! -e /data/full && exec sleep 1000000"]
                volumes: [data:/data]
            volumes: {data: {}}
            """,
            "  least-free-space: 8\n",
            ceiling: "1h"
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        disk.Fill(leaving: 6 * 1024 * 1024);
        await LookAgainAsync();
        var problem = await agent.EventAsync("machine.problem");
        Assert.Contains("is full", problem.Found);

        await RunAsync(agent, "touch /data/full");
        Posix.Kill((await agent.ContainerAsync("web")).State.Pid, Posix.SigKill);

        var settled = await agent.BecomesAsync(
            "web",
            "slow",
            d => d.Summary.Explanation.Contains("A restart does not cure it", StringComparison.Ordinal)
        );
        Assert.Contains("is full", settled.Summary.Explanation);
        await agent.EventAsync("healing.refused", problem.Id, "web");
        var status = await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: Ct);
        Assert.Contains(status.Problems, p => p.Contains("is full", StringComparison.Ordinal));

        var volume = await agent.Engine.Volumes.InspectAsync($"{agent.Project}_data", Ct);
        File.Delete(Path.Combine(volume.Mountpoint, "full"));
        disk.Free();
        await LookAgainAsync();

        await agent.EventAsync("machine.recovered", problem.Id);
        await agent.BecomesAsync("web", ServiceState.Running);
    }

    [Fact]
    public async Task Under_a_hold_a_hand_on_the_appliance_is_left_alone_until_it_is_released()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await StartAsync(
            agent,
            """
            services:
              web: {image: "appliance-test/busybox:1", stop_signal: SIGKILL}
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.Maintenance.HoldAsync(
            new HoldRequest { Reason = "disk swap", For = Duration.FromTimeSpan(TimeSpan.FromHours(1)) },
            cancellationToken: Ct
        );

        await agent.Engine.Containers.StopAsync($"{agent.Project}-web-1", TimeSpan.Zero, null, Ct);
        var held = await agent.BecomesAsync("web", ServiceState.Failed);
        Assert.Contains("holds the appliance for maintenance (disk swap)", held.Summary.Explanation);
        await agent.EventAsync("healing.refused", service: "web");

        // Over a restart of the agent too.
        await agent.StopAsync();
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Failed);
        var status = await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: Ct);
        Assert.Contains("holds the appliance for maintenance (disk swap)", status.Maintenance);
        var refused = await Assert.ThrowsAsync<RpcException>(async () =>
            await agent.UpgradeAsync(
                await agent.BundleAsync("2.0.0", "services:\n  web: {image: \"appliance-test/busybox:1\"}")
            )
        );
        Assert.Contains("appliancectl maintenance release", refused.Status.Detail);

        await agent.Maintenance.ReleaseAsync(new ReleaseRequest(), cancellationToken: Ct);
        await agent.BecomesAsync("web", ServiceState.Running);
    }

    private static async Task StartAsync(RealAgent agent, string compose, string more = "", string ceiling = "1s")
    {
        await File.WriteAllTextAsync(
            agent.Settings,
            Quick.Replace("backoff-ceiling: 1s", $"backoff-ceiling: {ceiling}", StringComparison.Ordinal).TrimEnd('\n')
                + "\n"
                + more,
            Ct
        );
        agent.WriteCompose(compose);
        await agent.StartAsync();
    }

    /// <summary>A change of the table of mounts has the agent look at its disks.</summary>
    private static Task LookAgainAsync()
    {
        using var folder = new ScratchFolder();
        using (new SmallDisk(folder["x"], 64)) { }
        return Task.CompletedTask;
    }

    private static async Task<int> RunAsync(RealAgent agent, string command) =>
        (
            await agent.Engine.Containers.ExecAsync(
                $"{agent.Project}-web-1",
                new ExecSpec { Command = ["sh", "-c", command] },
                1000,
                Ct
            )
        ).ExitCode;

    private long seen;

    // The first ones may be of other containers.
    private async Task<long> LastReloadAsync(RealAgent agent)
    {
        var after = seen;
        seen = (await agent.EventAsync("healing.acted", after)).Id;
        return after;
    }
}
