using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Health.V1;

namespace Appliance.Agent.Tests.Running;

/// <summary>People's wishes, crashes of the agent, and services that do not do well.</summary>
public sealed class ServiceLifeTests(SharedEngine shared)
{
    private const string One = """
        services:
          web:
            image: appliance-test/busybox:1
            stop_signal: SIGKILL
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stopped_service_stays_stopped_over_a_restart_of_the_agent_until_somebody_starts_it()
    {
        await using var agent = await RealAgent.StartAsync(shared.Engine, One);
        await agent.BecomesAsync("web", ServiceState.Running);

        await agent.Services.StopServiceAsync(
            new StopServiceRequest { Name = "web", Reason = "a test" },
            cancellationToken: Ct
        );
        await agent.BecomesAsync("web", ServiceState.Stopped);
        await agent.KillAsync();
        await agent.StartAsync();
        var stopped = await agent.BecomesAsync("web", ServiceState.Stopped);
        Assert.Contains("(a test)", stopped.Summary.Explanation);
        Assert.Equal(ContainerStatus.Exited, (await agent.ContainerAsync("web")).State.Status);

        await agent.Services.StartServiceAsync(new StartServiceRequest { Name = "web" }, cancellationToken: Ct);
        await agent.BecomesAsync("web", ServiceState.Running);
    }

    [Fact]
    public async Task A_restart_by_a_person_keeps_the_container_and_counts_against_nobody()
    {
        await using var agent = await RealAgent.StartAsync(shared.Engine, One);
        await agent.BecomesAsync("web", ServiceState.Running);
        var before = await agent.ContainerAsync("web");

        await agent.Services.RestartServiceAsync(new RestartServiceRequest { Name = "web" }, cancellationToken: Ct);

        var after = await agent.ContainerAsync("web");
        Assert.Equal(before.Id, after.Id);
        Assert.True(after.State.StartedAt > before.State.StartedAt);
        Assert.Equal(0, (await agent.ServiceAsync("web")).Summary.Restarts);
    }

    [Fact]
    public async Task A_restart_that_cannot_be_done_now_is_refused_with_the_reason()
    {
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              db: {image: "appliance-test/busybox:1", stop_signal: SIGKILL}
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                depends_on: [db]
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        foreach (var service in (string[])["web", "db"])
        {
            await agent.Services.StopServiceAsync(new StopServiceRequest { Name = service }, cancellationToken: Ct);
            await agent.BecomesAsync(service, ServiceState.Stopped);
        }

        var refused = await Assert.ThrowsAsync<Grpc.Core.RpcException>(() =>
            agent
                .Services.RestartServiceAsync(new RestartServiceRequest { Name = "web" }, cancellationToken: Ct)
                .ResponseAsync
        );
        Assert.Equal(Grpc.Core.StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Contains("web was not restarted: Waiting for db to start", refused.Status.Detail);
    }

    [Fact]
    public async Task A_one_shot_that_a_person_stopped_and_starts_runs_again()
    {
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              job:
                image: appliance-test/busybox:1
                restart: on-failure
                command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
            """
        );
        await agent.BecomesAsync("job", ServiceState.Running);
        await agent.Services.StopServiceAsync(new StopServiceRequest { Name = "job" }, cancellationToken: Ct);
        await agent.BecomesAsync("job", ServiceState.Stopped);

        await agent.Services.StartServiceAsync(new StartServiceRequest { Name = "job" }, cancellationToken: Ct);
        await agent.BecomesAsync("job", ServiceState.Running);
    }

    [Fact]
    public async Task A_killed_agent_leaves_containers_running_and_adopts_them_as_they_are()
    {
        await using var agent = await RealAgent.StartAsync(shared.Engine, One);
        await agent.BecomesAsync("web", ServiceState.Running);
        var before = await agent.ContainerAsync("web");
        var last = await agent.LastEventAsync();

        await agent.KillAsync();
        Assert.Equal(ContainerStatus.Running, (await agent.ContainerAsync("web")).State.Status);
        await agent.StartAsync();

        var adopted = await agent.EventAsync("agent.started", last);
        Assert.Equal("1 of 1 containers were running", adopted.Found);
        await agent.BecomesAsync("web", ServiceState.Running);
        var after = await agent.ContainerAsync("web");
        Assert.Equal((before.Id, before.State.StartedAt), (after.Id, after.State.StartedAt));
    }

    [Fact]
    public async Task A_service_that_crashes_at_once_is_tried_at_a_growing_pace_and_says_why()
    {
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              bad:
                image: appliance-test/busybox:1
                command: ["sh", "-c", "exit 7"]
              good:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
            """
        );

        var alarm = await agent.EventAsync("service.failing");
        Assert.Equal(Severity.Error, alarm.Severity);
        var detail = await agent.BecomesAsync("bad", ServiceState.BackingOff);
        Assert.Contains("Exited with code 7", detail.Summary.Explanation);
        Assert.Contains("The next try", detail.Summary.Explanation);
        Assert.True(detail.Summary.Restarts >= 4);
        Assert.NotNull(detail.Containers[0].NextAttemptAt);
        await agent.BecomesAsync("good", ServiceState.Running);
        Assert.NotEqual(
            V1.Health.Ok,
            (await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: Ct)).Health
        );
        // It goes on for ever, and recovers by itself once the cause is gone.
        var count = detail.Summary.Restarts;
        await agent.BecomesAsync("bad", "tried again", d => d.Summary.Restarts > count + 1);
    }

    [Fact]
    public async Task An_unhealthy_service_is_restarted_and_its_dependent_is_not()
    {
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              db:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                command: ["sh", "-c", "touch /well; exec sleep 1000000"]
                healthcheck: {test: ["CMD-SHELL", "test -e /well || { echo the well is dry; exit 1; }"], interval: 300ms, timeout: 2s, retries: 2}
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                depends_on: {db: {condition: service_healthy}}
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        var (db, web) = (await agent.ContainerAsync("db"), await agent.ContainerAsync("web"));

        await agent.Engine.Containers.ExecAsync(db.Id, new ExecSpec { Command = ["rm", "/well"] }, 100, Ct);

        var told = await agent.EventAsync("container.restarted", service: "db");
        Assert.Contains("was unhealthy: the well is dry", told.Found);
        await agent.BecomesAsync("db", ServiceState.Running);
        Assert.Equal(db.Id, (await agent.ContainerAsync("db")).Id);
        var after = await agent.ContainerAsync("web");
        Assert.Equal((web.Id, web.State.StartedAt), (after.Id, after.State.StartedAt));
    }

    [Fact]
    public async Task A_service_whose_dependency_is_unhealthy_waits_and_says_for_what()
    {
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              db:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                healthcheck: {test: ["CMD", "false"], interval: 200ms, timeout: 2s, retries: 1}
              web:
                image: appliance-test/busybox:1
                depends_on: {db: {condition: service_healthy}}
            """
        );

        await agent.EventAsync("service.unhealthy", service: "db");
        var web = await agent.BecomesAsync("web", ServiceState.Waiting);
        Assert.StartsWith("Waiting for db to be healthy; db is ", web.Summary.Explanation);
        Assert.False(Assert.Single(web.DependsOn).Satisfied);
        Assert.Empty(web.Containers);
    }

    [Fact]
    public async Task Probes_of_the_release_decide_what_is_healthy()
    {
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                command: ["sh", "-c", "mkdir /www; echo fine > /www/healthz; exec httpd -f -p 8080 -h /www"]
                x-appliance:
                  probes:
                    - http: {port: 8080, path: /healthz, contains: fine}
                      interval: 500ms
                      timeout: 500ms
                      unhealthy-after: 2
                    - tcp: {port: 8080}
                    - exec: {command: ["test", "-d", "/www"]}
            """
        );
        var healthy = await agent.BecomesAsync("web", ServiceState.Running);
        Assert.Equal(["http", "tcp", "exec"], healthy.Probes.Select(p => p.Kind));
        Assert.All(healthy.Probes, p => Assert.True(p.Healthy));
        var container = await agent.ContainerAsync("web");

        await agent.Engine.Containers.ExecAsync(
            container.Id,
            new ExecSpec { Command = ["rm", "/www/healthz"] },
            100,
            Ct
        );

        var told = await agent.EventAsync("container.restarted");
        Assert.Contains("was unhealthy: HTTP 404", told.Found);
    }

    [Fact]
    public async Task A_one_shot_runs_before_what_waits_for_its_end_and_only_once()
    {
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              migrate:
                image: appliance-test/busybox:1
                command: ["sh", "-c", "echo ran >> /data/log"]
                volumes: [data:/data]
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                volumes: [data:/data]
                depends_on: {migrate: {condition: service_completed_successfully}}
            volumes: {data: {}}
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        await agent.BecomesAsync("migrate", ServiceState.Completed);

        await agent.Engine.Containers.RemoveAsync(
            $"{agent.Project}-migrate-1",
            force: true,
            removeAnonymousVolumes: false,
            Ct
        );
        await agent.KillAsync();
        await agent.StartAsync();
        await agent.BecomesAsync("migrate", ServiceState.Completed);

        var log = await agent.Engine.Containers.ExecAsync(
            $"{agent.Project}-web-1",
            new ExecSpec { Command = ["cat", "/data/log"] },
            100,
            Ct
        );
        Assert.Equal("ran\n", log.Stdout);
    }

    [Fact]
    public async Task Secrets_and_configs_are_there_with_their_owner_and_mode()
    {
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                secrets: [{source: password, target: password, uid: "1000", gid: "1000", mode: 0400}]
                configs: [{source: motd, target: /etc/motd}]
            secrets: {password: {file: ./password.txt}}
            configs: {motd: {content: "welcome"}}
            """,
            ("password.txt", "s3cret")
        );
        await agent.BecomesAsync("web", ServiceState.Running);

        var seen = await agent.Engine.Containers.ExecAsync(
            $"{agent.Project}-web-1",
            new ExecSpec
            {
                Command = ["sh", "-c", "cat /run/secrets/password /etc/motd; stat -c ' %a %u' /run/secrets/password"],
            },
            200,
            Ct
        );
        Assert.Equal("s3cretwelcome 400 1000\n", seen.Stdout);
    }

    [Fact]
    public async Task A_release_that_cannot_be_read_changes_nothing_and_is_said()
    {
        await using var agent = await RealAgent.StartAsync(
            shared.Engine,
            """
            services:
              web:
                image: appliance-test/busybox:1
                stop_signal: SIGKILL
                stop_grace_period: ${GRACE:-1s}
            """
        );
        await agent.BecomesAsync("web", ServiceState.Running);
        var before = await agent.ContainerAsync("web");
        await agent.StopAsync();

        agent.Environment["APPLIANCE__APPLICATION__VARIABLES__GRACE"] = "a while";
        await agent.StartAsync();

        var refused = await agent.EventAsync("release.refused");
        Assert.Contains("compose.yaml:7:", refused.Found);
        var after = await agent.ContainerAsync("web");
        Assert.Equal((before.Id, before.State.StartedAt), (after.Id, after.State.StartedAt));
        var status = await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: Ct);
        Assert.Contains(status.Problems, p => p.Contains("compose.yaml:7:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Health_says_whether_engine_and_application_are_well()
    {
        await using var agent = await RealAgent.StartAsync(shared.Engine, One);
        await agent.BecomesAsync("web", ServiceState.Running);

        foreach (var name in (string[])["", "agent", "engine", "application"])
            await Eventually.TrueAsync(
                $"health of '{name}' is SERVING",
                async ct =>
                    (
                        await agent.Health.CheckAsync(new HealthCheckRequest { Service = name }, cancellationToken: ct)
                    ).Status is HealthCheckResponse.Types.ServingStatus.Serving,
                Ct
            );
    }
}
