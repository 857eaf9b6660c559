using System.Text.Json;
using Appliance.V1;

namespace Agent.Cli.Tests;

/// <summary>What each command asks, and how it prints the answer.</summary>
public sealed class AnswersTests
{
    [Fact]
    public async Task Status_is_the_verdict_its_reasons_and_the_services()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Status = Sample.Status();

        var run = await Appliancectl.RunAsync(agent.Socket, "status");

        Assert.Equal(
            """
            Appliance   DEGRADED
            Release     shop 1.2.0, from /srv/release
            Agent       0.1.0 on box, started 5 h ago
            Engine      20.10.24 (API 1.41), unix:///var/run/docker.sock, live-restore on

            ! db is backing off: shop-db-1 exited with 1

            SERVICE   STATE         READY   RESTARTS   SINCE        PORTS                    WHY
            web       running       2/2     3          3 h ago      127.0.0.1:8080->80/tcp
            db        backing off   0/1     0          70 min ago                            shop-db-1 exited with 1

            """,
            run.Stdout
        );
        Assert.Equal((0, ""), (run.ExitCode, run.Stderr));
    }

    [Fact]
    public async Task Status_says_that_the_engine_is_lost_and_that_there_is_no_release()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Status = new()
        {
            Health = Health.Failed,
            Engine = new()
            {
                Endpoint = "unix:///run/e.sock",
                Error = "connection refused",
                Since = Sample.HoursAgo(3),
            },
        };

        var run = await Appliancectl.RunAsync(agent.Socket, "status");

        Assert.Equal(
            """
            Appliance   FAILED
            Release     none installed
            Agent       -
            Engine      unix:///run/e.sock, lost 3 h ago: connection refused

            """,
            run.Stdout
        );
    }

    [Fact]
    public async Task Status_as_json_has_every_scalar_and_names_for_enums()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Status = Sample.Status();
        agent.Status.Problems.Clear();

        var run = await Appliancectl.RunAsync(agent.Socket, "status", "-o", "json");

        using var json = JsonDocument.Parse(run.Stdout);
        var status = json.RootElement;
        Assert.Equal("HEALTH_DEGRADED", status.GetProperty("health").GetString());
        Assert.Equal(0, status.GetProperty("problems").GetArrayLength());
        Assert.Equal("1.41", status.GetProperty("engine").GetProperty("apiVersion").GetString());
        var db = status.GetProperty("services")[1];
        Assert.Equal("SERVICE_STATE_BACKING_OFF", db.GetProperty("state").GetString());
        Assert.Equal(0, db.GetProperty("replicasReady").GetInt32());
    }

    [Fact]
    public async Task A_service_is_shown_as_a_person_would_explain_it()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Services.Add(Sample.Web());

        var run = await Appliancectl.RunAsync(agent.Socket, "services", "show", "web");

        Assert.Equal(
            """
            web is running (since 3 h ago)

            Image      demo/web:1.2
            Replicas   2 of 2 ready
            Restarts   3, policy unless-stopped
            Ports      127.0.0.1:8080->80/tcp

            Containers
              NAME         ID             STATE                                     RESTARTS   NETWORKS      IMAGE ID
              shop-web-1   0123456789ab   running (healthy), started 3 h ago        3          front, back   fedcba987654
              shop-web-2   aaaaaaaaaaaa   exited with 137 (out of memory) 2 h ago   0                        fedcba987654

            Depends on
              db      must be healthy       yes
              setup   must have completed   not yet

            Probes
              PROBE                         CONTAINER    RESULT                    CHECKED   LAST OUTPUT
              http GET http://:80/healthz   shop-web-1   healthy                   2 h ago   200 OK
              tcp :80                       shop-web-2   failed 4 times in a row   2 h ago   connection refused

            Recent events
              12:00:00 container.restarted: shop-web-1 had exited with 1; started it again

            """,
            run.Stdout
        );
    }

    [Fact]
    public async Task Several_services_are_changed_in_turn_and_the_reason_goes_along()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Services.AddRange([Sample.Web(), Sample.Db()]);

        var run = await Appliancectl.RunAsync(agent.Socket, "services", "stop", "db", "web", "--reason", "disk swap");

        Assert.Equal(
            """
            db is backing off (since 70 min ago): shop-db-1 exited with 1
            web is running (since 3 h ago)

            """,
            run.Stdout
        );
        Assert.Equal(
            [
                """StopService { "name": "db", "reason": "disk swap" }""",
                """StopService { "name": "web", "reason": "disk swap" }""",
            ],
            agent.Calls
        );
    }

    [Fact]
    public async Task A_service_that_does_not_exist_keeps_no_other_from_its_turn()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Services.AddRange([Sample.Web(), Sample.Db()]);

        var run = await Appliancectl.RunAsync(agent.Socket, "services", "start", "wbe", "web", "-o", "json");

        Assert.Equal(1, run.ExitCode);
        Assert.Equal("appliancectl: no service 'wbe'; there are: web, db\n", run.Stderr);
        var line = Assert.Single(run.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        using var json = JsonDocument.Parse(line);
        Assert.Equal("web", json.RootElement.GetProperty("summary").GetProperty("name").GetString());
    }

    [Fact]
    public async Task Events_are_a_line_each()
    {
        await using var agent = await FakeAgent.StartAsync();
        var lost = Sample.Event(12, found: "the engine does not answer", done: "");
        lost.Service = lost.Container = "";
        lost.Severity = Severity.Error;
        lost.Kind = "engine.lost";
        agent.Events.Add(Sample.Event(10), Sample.Event(11), lost);

        var run = await Appliancectl.RunAsync(agent.Socket, "events", "-n", "2");

        Assert.Equal(
            """
                11  2026-01-15 12:00:11  warning  container.restarted     web-1           web-1 had exited with 1 -> started it again
                12  2026-01-15 12:00:12  error    engine.lost                             the engine does not answer

            """,
            run.Stdout
        );
    }

    [Fact]
    public async Task Events_as_json_are_an_object_per_line_and_can_go_on_after_an_id()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Events.Add(Sample.Event(10), Sample.Event(11));

        var run = await Appliancectl.RunAsync(
            agent.Socket,
            "events",
            "--after",
            "10",
            "--service",
            "web",
            "-o",
            "json"
        );

        Assert.Equal(
            """
            { "id": "11", "time": "2026-01-15T12:00:11Z", "severity": "SEVERITY_WARNING", "kind": "container.restarted", "service": "web", "container": "web-1", "found": "web-1 had exited with 1", "done": "started it again" }

            """,
            run.Stdout
        );
        Assert.Equal(["""StreamEvents { "afterId": "10", "service": "web" }"""], agent.Calls);
    }

    [Fact]
    public async Task The_audit_says_who_asked_for_what()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Audit.Add(
            new()
            {
                Id = 7,
                Time = Sample.Noon,
                Actor = "uid:1000 (alice)",
                Role = "operator",
                Method = "/appliance.v1.ServicesService/StopService",
                Request = """{"name":"web"}""",
                Outcome = "denied",
                Detail = "PERMISSION_DENIED",
            }
        );

        var run = await Appliancectl.RunAsync(agent.Socket, "audit", "list", "-n", "5");

        Assert.Equal(
            """
                 7  2026-01-15 12:00:00  denied     uid:1000 (alice) as operator  StopService {"name":"web"}  PERMISSION_DENIED

            """,
            run.Stdout
        );
    }

    [Theory]
    [InlineData(true, 0, "intact: 9 records, each with the hash of the one before\n")]
    [InlineData(
        false,
        1,
        "broken: record 4 of 9 does not match its hash; it, or one before it, was changed or taken out\n"
    )]
    public async Task An_audit_trail_that_was_changed_is_a_failure(bool intact, int exitCode, string verdict)
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.AuditVerdict = new()
        {
            Intact = intact,
            Records = 9,
            FirstBrokenId = intact ? 0 : 4,
        };

        var run = await Appliancectl.RunAsync(agent.Socket, "audit", "verify");

        Assert.Equal((exitCode, verdict), (run.ExitCode, run.Stdout));
    }
}
