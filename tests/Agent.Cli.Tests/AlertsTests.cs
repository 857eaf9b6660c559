using System.Text.Json;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Agent.Cli.Tests;

/// <summary>Rules for alerts, and the tokens of those who report them.</summary>
public sealed class AlertsTests
{
    [Fact]
    public async Task Rules_and_alerts_are_listed_with_what_was_decided_and_why()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Alerts = new()
        {
            Rules =
            {
                new AlertRule
                {
                    Name = "web-down",
                    Matchers = { ["severity"] = "critical", ["alertname"] = "WebDown" },
                    Action = AlertAction.Restart,
                    Service = "web",
                    CoolDown = Duration.FromTimeSpan(TimeSpan.FromMinutes(10)),
                    LastAt = Sample.HoursAgo(3),
                },
                new AlertRule
                {
                    Name = "disk",
                    Matchers = { ["alertname"] = "Disk" },
                    Action = AlertAction.Reboot,
                    CoolDown = Duration.FromTimeSpan(TimeSpan.FromDays(3)),
                    DryRun = true,
                },
            },
            Alerts =
            {
                new ReceivedAlert
                {
                    Id = 2,
                    ReceivedAt = Sample.Noon,
                    Times = 1,
                    Sender = "webhook:am",
                    Labels = { ["alertname"] = "Other\e[2J" },
                    State = AlertState.Unmatched,
                    Why = "no rule matches it",
                },
                new ReceivedAlert
                {
                    Id = 1,
                    ReceivedAt = Sample.Noon,
                    Times = 3,
                    ResolvedAt = Sample.HoursAgo(3),
                    Sender = "webhook:am",
                    Labels = { ["alertname"] = "WebDown" },
                    State = AlertState.Done,
                    Why = "web-down asked to restart web, and it was done",
                },
            },
        };

        var run = await Appliancectl.RunAsync(agent.Socket, "alerts", "list");

        Assert.Equal(
            """
            RULE       ACTION             SERVICE   COOL-DOWN   LAST      MATCHES
            web-down   restart            web       10 min      3 h ago   alertname=WebDown, severity=critical
            disk       reboot (dry run)   -         3 days      never     alertname=Disk

            ID   RECEIVED              TIMES   ALERT          NOW                DECISION    BY           WHY
            2    2026-01-15 12:00:00   1       Other\x1b[2J   firing             unmatched   webhook:am   no rule matches it
            1    2026-01-15 12:00:00   3       WebDown        resolved 3 h ago   done        webhook:am   web-down asked to restart web, and it was done

            """,
            run.Stdout
        );
        Assert.Equal(["""ListAlerts { "limit": 20 }"""], agent.Calls);
    }

    [Fact]
    public async Task Where_there_is_nothing_it_is_said()
    {
        await using var agent = await FakeAgent.StartAsync();

        var alerts = await Appliancectl.RunAsync(agent.Socket, "alerts", "list");
        var tokens = await Appliancectl.RunAsync(agent.Socket, "identity", "list");

        Assert.Equal("There are no rules: alerts do nothing.\n\nNo alert was received.\n", alerts.Stdout);
        Assert.Equal("There are no tokens.\n", tokens.Stdout);
    }

    [Fact]
    public async Task A_rule_is_made_of_what_the_command_line_says()
    {
        await using var agent = await FakeAgent.StartAsync();
        string[] line =
        [
            .. (string[])["alerts", "map", "web-down", "--match", "alertname=WebDown", "--match", "path=/a=b"],
            .. (string[])["--action", "restart", "--service", "web"],
        ];

        var made = await Appliancectl.RunAsync(agent.Socket, line);
        agent.ReplacesRule = true;
        var replaced = await Appliancectl.RunAsync(
            agent.Socket,
            [.. line, "--cool-down", "1h30m", "--dry-run", "--before", "disk"]
        );

        Assert.Equal(
            "web-down is made: an alert with alertname=WebDown, path=/a=b is to restart web, once within 10 min\n",
            made.Stdout
        );
        Assert.Equal(
            "web-down is replaced: an alert with alertname=WebDown, path=/a=b would restart web, once within 90 min\n",
            replaced.Stdout
        );
        var requests = agent.Calls.Select(c => MapAlertRequest.Parser.ParseJson(c["MapAlert ".Length..])).ToList();
        Assert.Equal("/a=b", requests[0].Rule.Matchers["path"]);
        Assert.Equal((AlertAction.Restart, "web"), (requests[0].Rule.Action, requests[0].Rule.Service));
        Assert.Null(requests[0].Rule.CoolDown);
        Assert.Equal(
            (5400, true, "disk"),
            (requests[1].Rule.CoolDown.Seconds, requests[1].Rule.DryRun, requests[1].Before)
        );
    }

    [Theory]
    [InlineData("--match a --action nothing", "--match takes LABEL=VALUE, not 'a'.")]
    [InlineData("--match =b --action nothing", "--match takes LABEL=VALUE, not '=b'.")]
    [InlineData("--match a=b --match a=c --action nothing", "--match names the label 'a' twice.")]
    [InlineData(
        "--match a=b --action explode",
        "--action is restart, recreate, run, reboot or nothing, not 'explode'."
    )]
    [InlineData(
        "--match a=b --action nothing --cool-down soon",
        "--cool-down is a time as 90s, 10m or 2h, not 'soon'."
    )]
    [InlineData("--action nothing", "Option '--match' is required.")]
    [InlineData("--match a=b", "Option '--action' is required.")]
    public async Task A_rule_that_makes_no_sense_is_not_sent(string options, string complaint)
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(agent.Socket, ["alerts", "map", "x", .. options.Split(' ')]);

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.Contains(complaint, run.Stderr, StringComparison.Ordinal);
        Assert.Empty(agent.Calls);
    }

    [Fact]
    public async Task A_rule_that_the_agent_refuses_ends_with_its_exit_code()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Failure = new(new(StatusCode.FailedPrecondition, "there is no service \"wbe\"; there are: web"));

        var run = await Appliancectl.RunAsync(
            agent.Socket,
            ["alerts", "map", "x", "--match", "a=b", "--action", "restart", "--service", "wbe"]
        );

        Assert.Equal((5, ""), (run.ExitCode, run.Stdout));
        Assert.Contains("there are: web", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rule_is_taken_away_and_an_alert_is_tried()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.AlertTest = new()
        {
            State = AlertState.DryRun,
            Rule = new() { Name = "web-down" },
            Why = "web-down would restart web, and is on trial",
        };

        var test = await Appliancectl.RunAsync(agent.Socket, "alerts", "test", "--label", "alertname=WebDown");
        var unmap = await Appliancectl.RunAsync(agent.Socket, "alerts", "unmap", "web-down");

        Assert.Equal("dry run: web-down would restart web, and is on trial\n", test.Stdout);
        Assert.Equal("web-down is no rule any more\n", unmap.Stdout);
        Assert.Equal(
            ["""TestAlert { "labels": { "alertname": "WebDown" } }""", """UnmapAlert { "name": "web-down" }"""],
            agent.Calls
        );
    }

    [Fact]
    public async Task A_token_stands_alone_on_standard_output_for_a_file_to_take_it()
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(agent.Socket, "identity", "token", "--role", "webhook", "--name", "am");
        var json = await Appliancectl.RunAsync(
            agent.Socket,
            ["identity", "token", "--role", "webhook", "--name", "am", "-o", "json"]
        );

        Assert.Equal((0, "appliance_wh_secret\n"), (run.ExitCode, run.Stdout));
        Assert.Contains("not shown again", run.Stderr, StringComparison.Ordinal);
        using var document = JsonDocument.Parse(json.Stdout);
        Assert.Equal("appliance_wh_secret", document.RootElement.GetProperty("secret").GetString());
        Assert.Equal("""CreateToken { "name": "am", "role": "webhook" }""", agent.Calls[0]);
    }

    [Fact]
    public async Task Tokens_are_listed_and_revoked()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Tokens.AddRange([
            new()
            {
                Name = "alertmanager",
                Role = "webhook",
                CreatedAt = Sample.Noon,
                CreatedBy = "uid:0 (root)",
                LastUsedAt = Sample.HoursAgo(3),
            },
            new()
            {
                Name = "grafana",
                Role = "webhook",
                CreatedAt = Sample.Noon,
                CreatedBy = "uid:0 (root)",
            },
        ]);

        var list = await Appliancectl.RunAsync(agent.Socket, "identity", "list");
        var revoke = await Appliancectl.RunAsync(agent.Socket, "identity", "revoke", "grafana");

        Assert.Equal(
            """
            NAME           ROLE      CREATED               LAST USED   BY
            alertmanager   webhook   2026-01-15 12:00:00   3 h ago     uid:0 (root)
            grafana        webhook   2026-01-15 12:00:00   never       uid:0 (root)

            """,
            list.Stdout
        );
        Assert.Equal("grafana counts no more\n", revoke.Stdout);
        Assert.Equal("""RevokeToken { "name": "grafana" }""", agent.Calls[^1]);
    }
}
