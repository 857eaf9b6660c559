using System.Diagnostics;
using System.Globalization;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Running;

/// <summary>The agent is told to end: alone, or because the machine goes down.</summary>
public sealed class ShutdownTests(SharedEngine shared)
{
    private const string GoingDown = "echo stopping; exit 1";

    private const string One = """
        services:
          web: {image: "appliance-test/busybox:1", stop_signal: SIGKILL}
        """;

    // Each ends in a way of its own: web in no time that it is given, app and db at a signal, with the code that they choose.
    private const string Four = """
        services:
          db:
            image: appliance-test/busybox:1
            stop_signal: SIGUSR1
            command: ["sh", "-c", "trap 'exit 41' USR1; trap '' TERM; while :; do sleep 0.05; done"]
          app:
            image: appliance-test/busybox:1
            command: ["sh", "-c", "trap 'sleep 0.3; exit 42' TERM; while :; do sleep 0.05; done"]
            depends_on: [db]
          web:
            image: appliance-test/busybox:1
            command: ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"]
            stop_grace_period: 2s
            depends_on: [app]
          beside:
            image: appliance-test/busybox:1
            restart: on-failure
            command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]
          idle: {image: "appliance-test/busybox:1", stop_signal: SIGKILL}
        """;

    private static readonly string[] Running = ["db", "app", "web", "beside"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_the_machine_containers_end_in_order_in_their_own_way_and_all_run_again_after_it()
    {
        using var systemd = new Systemd(GoingDown);
        await using var agent = await StartAsync(systemd, Four);
        await agent.Services.StopServiceAsync(new StopServiceRequest { Name = "idle" }, cancellationToken: Ct);
        await agent.BecomesAsync("idle", ServiceState.Stopped);
        foreach (var service in Running)
            await agent.BecomesAsync(service, ServiceState.Running);
        var last = await agent.LastEventAsync();

        var asked = TimeProvider.System.GetUtcNow();
        Assert.Equal(0, await agent.StopAsync());

        Assert.Equal("is-system-running\n", await File.ReadAllTextAsync(systemd.Asked, Ct));
        Assert.Contains("EXTEND_TIMEOUT_USEC=20000000", systemd.Told);
        var (db, app) = (await EndOfAsync(agent, "db"), await EndOfAsync(agent, "app"));
        var (web, beside) = (await EndOfAsync(agent, "web"), await EndOfAsync(agent, "beside"));
        Assert.Equal((41, 42, 137, 0), (db.Code, app.Code, web.Code, beside.Code));
        Assert.True(web.At < app.At && app.At < db.At, $"web {web.At:O}, app {app.At:O}, db {db.At:O}");
        Assert.InRange(web.At - asked, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(20));
        Assert.True(beside.At < web.At, "what depends on nobody waits for nobody");

        await agent.StartAsync();
        foreach (var service in Running)
        {
            var back = await agent.BecomesAsync(service, ServiceState.Running);
            Assert.Equal(0, back.Summary.Restarts);
        }
        await agent.BecomesAsync("idle", ServiceState.Stopped);
        var events = await EventsAsync(agent, last);
        Assert.Contains("application.stopping: the machine is going down -> stops 4 containers in order", events);
        foreach (var name in Running.Select(s => Name(agent, s)))
            Assert.Contains($"container.started: {name} ended when the machine went down -> started {name}", events);
        Assert.DoesNotContain(events, e => e.StartsWith("container.restarted", StringComparison.Ordinal));
        var stopped = await agent.EventAsync("application.stopped", last);
        Assert.StartsWith("stopped 4 containers in order, within ", stopped.Done);
    }

    [Theory]
    [InlineData("echo running")]
    [InlineData("echo degraded; exit 1")]
    [InlineData("echo Failed to connect >&2; exit 1")]
    public async Task Told_to_end_while_the_machine_runs_the_agent_leaves_containers_alone(string systemctl)
    {
        using var systemd = new Systemd(systemctl);
        await using var agent = await StartAsync(systemd, One);
        await agent.BecomesAsync("web", ServiceState.Running);
        var before = await agent.ContainerAsync("web");

        Assert.Equal(0, await agent.StopAsync());

        var after = await agent.ContainerAsync("web");
        Assert.Equal(ContainerStatus.Running, after.State.Status);
        Assert.Equal(before.State.StartedAt, after.State.StartedAt);
        Assert.True(File.Exists(systemd.Asked));
    }

    [Fact]
    public async Task An_agent_that_systemd_did_not_start_asks_nobody()
    {
        using var systemd = new Systemd(GoingDown);
        await using var agent = await StartAsync(systemd, One, bySystemd: false);
        await agent.BecomesAsync("web", ServiceState.Running);

        Assert.Equal(0, await agent.StopAsync());

        Assert.Equal(ContainerStatus.Running, (await agent.ContainerAsync("web")).State.Status);
        Assert.False(File.Exists(systemd.Asked));
    }

    [Fact]
    public async Task A_systemd_that_does_not_answer_holds_the_end_up_for_seconds_only()
    {
        using var systemd = new Systemd("sleep 1000");
        await using var agent = await StartAsync(systemd, One);
        await agent.BecomesAsync("web", ServiceState.Running);

        var began = Stopwatch.GetTimestamp();
        Assert.Equal(0, await agent.StopAsync());

        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(15));
        Assert.Equal(ContainerStatus.Running, (await agent.ContainerAsync("web")).State.Status);
        Assert.Contains("no answer within 8 s", agent.Log);
    }

    [Fact]
    public async Task What_dies_while_the_machine_goes_down_is_not_healed()
    {
        // Not answered before the container is dead.
        using var systemd = new Systemd(
            "while [ ! -e \"$(dirname \"$0\")/dead\" ]; do sleep 0.02; done; echo stopping; exit 1"
        );
        await using var agent = await StartAsync(systemd, One);
        await agent.BecomesAsync("web", ServiceState.Running);
        var last = await agent.LastEventAsync();

        var ending = agent.StopAsync();
        await Eventually.TrueAsync("systemd is asked", () => File.Exists(systemd.Asked), Ct);
        await agent.Engine.Containers.KillAsync(Name(agent, "web"), "SIGKILL", Ct);
        var died = await EndOfAsync(agent, "web");
        await File.WriteAllTextAsync(systemd["dead"], "", Ct);
        Assert.Equal(0, await ending);

        Assert.Equal(died, await EndOfAsync(agent, "web"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        Assert.DoesNotContain(
            await EventsAsync(agent, last),
            e => e.StartsWith("application.", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task Killed_in_the_middle_of_stopping_what_had_stopped_runs_again_and_counts_against_nobody()
    {
        using var systemd = new Systemd(GoingDown);
        await using var agent = await StartAsync(
            systemd,
            """
            services:
              db:
                image: appliance-test/busybox:1
                stop_grace_period: 5m
                command: ["sh", "-c", "trap 'echo told' TERM; while :; do sleep 0.05; done"]
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                depends_on: [db]
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);

        var ending = agent.StopAsync();
        await EndOfAsync(agent, "web");
        await ToldAsync(agent, "db");
        await agent.KillAsync();
        await ending;
        await agent.StartAsync();

        Assert.Equal(0, (await agent.BecomesAsync("web", ServiceState.Running)).Summary.Restarts);
        // That one was told to end, and does so now.
        await agent.Engine.Containers.KillAsync(Name(agent, "db"), "SIGKILL", Ct);
        var back = await agent.BecomesAsync(
            "db",
            "running anew",
            d => d.Summary.State is ServiceState.Running && d.Containers[0].FinishedAt is not null
        );
        Assert.Equal(0, back.Summary.Restarts);
    }

    [Fact]
    public async Task An_engine_that_is_gone_does_not_hold_the_machine_up()
    {
        await using var engine = await PrivateEngine.StartAsync(Ct);
        using var systemd = new Systemd(GoingDown);
        await using var agent = RealAgent.On(engine);
        agent.WriteCompose(One);
        systemd.Start(agent);
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        var last = await agent.LastEventAsync();
        await engine.KillAsync(Ct);

        var began = Stopwatch.GetTimestamp();
        Assert.Equal(0, await agent.StopAsync());

        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(20));
        await agent.StartAsync();
        var stopped = await agent.EventAsync("application.stopped", last);
        Assert.Equal(Severity.Warning, stopped.Severity);
        Assert.StartsWith("does not know what to stop: the engine does not say", stopped.Done);
    }

    [Fact]
    public async Task A_one_shot_that_ends_by_itself_before_its_turn_is_not_run_again()
    {
        using var systemd = new Systemd(GoingDown);
        await using var agent = await StartAsync(
            systemd,
            """
            services:
              job:
                image: appliance-test/busybox:1
                restart: on-failure
                command: ["sh", "-c", "while [ ! -e /tmp/done ]; do sleep 0.05; done"]
              web:
                image: appliance-test/busybox:1
                command: ["sh", "-c", "trap 'echo told; while [ ! -e /tmp/done ]; do sleep 0.05; done; exit 0' TERM; while :; do sleep 0.05; done"]
                stop_grace_period: 1m
                depends_on: [job]
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);

        var ending = agent.StopAsync();
        await ToldAsync(agent, "web");
        foreach (var service in (string[])["job", "web"])
        {
            await TouchAsync(agent, service);
            await EndOfAsync(agent, service);
        }
        Assert.Equal(0, await ending);
        var ended = await EndOfAsync(agent, "job");

        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("job", ServiceState.Completed);
        Assert.Equal(ended, await EndOfAsync(agent, "job"));
    }

    [Fact]
    public async Task What_could_not_be_excused_for_want_of_space_is_left_to_the_machine_unless_it_starts_anyway()
    {
        using var systemd = new Systemd(GoingDown);
        await using var agent = RealAgent.On(shared.Engine);
        agent.ExpectsErrors = true;
        using var disk = new SmallDisk(agent.Data, 16 * 1024);
        agent.WriteCompose(
            """
            services:
              job:
                image: appliance-test/busybox:1
                restart: on-failure
                command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]
              web: {image: "appliance-test/busybox:1", stop_signal: SIGKILL}
              idle: {image: "appliance-test/busybox:1", stop_signal: SIGKILL}
            """
        );
        systemd.Start(agent);
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("job", ServiceState.Running);
        disk.Fill();
        // SQLite may still have room in its preallocated pages.
        await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (true)
                await agent.Services.StopServiceAsync(new StopServiceRequest { Name = "idle" }, cancellationToken: Ct);
        });

        await agent.StopAsync();

        Assert.Equal(ContainerStatus.Running, (await agent.ContainerAsync("job")).State.Status);
        Assert.Equal(ContainerStatus.Exited, (await agent.ContainerAsync("web")).State.Status);
    }

    [Fact]
    public async Task What_a_boot_finds_dead_is_started_at_once_and_counts_against_nobody()
    {
        await using var agent = await RealAgent.StartAsync(shared.Engine, One);
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.KillAsync();
        await agent.Engine.Containers.KillAsync(Name(agent, "web"), "SIGKILL", Ct);
        await EndOfAsync(agent, "web");
        // A machine that has been up for less than a second, and that long only after the container was started.
        var started = (await agent.ContainerAsync("web")).State.StartedAt!.Value;
        var uptime = 0.0;
        await Eventually.TrueAsync(
            "the container was started before the last full second of uptime",
            () => TimeProvider.System.GetUtcNow().AddSeconds(-((uptime = Uptime()) % 1)) > started,
            Ct
        );
        agent.Launcher = ["unshare", "--time", "--boottime", $"-{(long)uptime}"];
        await agent.StartAsync();

        Assert.Equal(0, (await agent.BecomesAsync("web", ServiceState.Running)).Summary.Restarts);
        Assert.Contains(
            $"container.started: {Name(agent, "web")} ended when the machine went down -> started {Name(agent, "web")}",
            await EventsAsync(agent, after: 0)
        );
    }

    private async Task<RealAgent> StartAsync(Systemd systemd, string compose, bool bySystemd = true)
    {
        var agent = RealAgent.On(shared.Engine);
        agent.WriteCompose(compose);
        systemd.Start(agent);
        if (!bySystemd)
            agent.Environment["NOTIFY_SOCKET"] = null;
        await agent.StartAsync();
        return agent;
    }

    private static double Uptime() =>
        double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture);

    private static string Name(RealAgent agent, string service) => $"{agent.Project}-{service}-1";

    /// <summary>Waits until a service that says so has its signal.</summary>
    private static async Task ToldAsync(RealAgent agent, string service)
    {
        var query = new LogQuery { Follow = true };
        await using var said = agent
            .Engine.Containers.LogsAsync(Name(agent, service), query, Ct)
            .GetAsyncEnumerator(Ct);
        Assert.True(await said.MoveNextAsync(), $"{service} ended before it was told to");
    }

    private static Task<ExecResult> TouchAsync(RealAgent agent, string service) =>
        agent.Engine.Containers.ExecAsync(
            Name(agent, service),
            new ExecSpec { Command = ["touch", "/tmp/done"] },
            maxOutputBytes: 1024,
            Ct
        );

    private static async Task<(DateTimeOffset At, int Code)> EndOfAsync(RealAgent agent, string service)
    {
        var ended = await Eventually.GetAsync(
            $"{service} ends",
            async _ => await agent.ContainerAsync(service) is { State.Running: false } c ? c : null,
            Ct
        );
        return (ended.State.FinishedAt!.Value, ended.State.ExitCode);
    }

    private static async Task<List<string>> EventsAsync(RealAgent agent, long after)
    {
        using var call = agent.Events.StreamEvents(new StreamEventsRequest { AfterId = after }, cancellationToken: Ct);
        var events = new List<string>();
        while (await call.ResponseStream.MoveNext(Ct))
            events.Add(
                $"{call.ResponseStream.Current.Kind}: {call.ResponseStream.Current.Found} -> {call.ResponseStream.Current.Done}"
            );
        return events;
    }
}
