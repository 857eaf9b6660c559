using System.Text.Json;
using Appliance.V1;
using Grpc.Core;

namespace Agent.Cli.Tests;

/// <summary>Operations that are watched, left alone, cancelled and looked up; and rollbacks, which are some.</summary>
public sealed class OperationsTests
{
    [Theory]
    [InlineData(OperationState.Done, 0, "Done")]
    [InlineData(OperationState.Failed, 1, "Failed")]
    [InlineData(OperationState.Cancelled, 1, "Cancelled")]
    [InlineData(OperationState.Refused, 5, "Refused")]
    [InlineData(OperationState.RolledBack, 6, "Rolled back")]
    public async Task What_came_of_an_operation_becomes_an_exit_code(OperationState state, int exitCode, string word)
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Updates.Add(Sample.Update(Sample.Operation(state)));

        var run = await Appliancectl.RunAsync(agent.Socket, "operations", "watch");

        Assert.Equal(
            (exitCode, $"{word}: what came of it (op-12, 42 s)\n", ""),
            (run.ExitCode, run.Stdout, run.Stderr)
        );
        Assert.Equal(["WatchOperation { }"], agent.Calls);
    }

    [Fact]
    public async Task What_went_wrong_is_told_with_its_evidence_which_cannot_drive_the_terminal()
    {
        await using var agent = await FakeAgent.StartAsync();
        var log = string.Join('\n', Enumerable.Range(1, 60).Select(n => $"line {n}"));
        agent.Updates.Add(
            Sample.Update(
                Sample.Operation(
                    OperationState.RolledBack,
                    "web was not healthy\nwithin 60 s",
                    $"HTTP 500\e[2J\r\n{log}\n"
                )
            )
        );

        var run = await Appliancectl.RunAsync(agent.Socket, "operations", "watch", "op-12");

        var lines = run.Stderr.TrimEnd().Split('\n');
        Assert.Equal(@"Reason: web was not healthy\nwithin 60 s", lines[0]);
        Assert.Equal(@"  HTTP 500\x1b[2J", lines[1]);
        Assert.Equal("  line 1", lines[2]);
        Assert.Equal("  ... and 22 lines more, which -o json has", lines[^1]);
        Assert.Equal(1 + 40, lines.Length);
    }

    [Fact]
    public async Task An_operation_as_json_is_one_document_and_its_steps_stay_out_of_it()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Updates.Add(
            Sample.Update(Sample.Operation(OperationState.Running), Sample.Step(1, "counter is healthy")),
            Sample.Update(Sample.Operation(OperationState.Failed, "no space", "df"))
        );

        var run = await Appliancectl.RunAsync(agent.Socket, "operations", "watch", "-o", "json");

        Assert.Equal(1, run.ExitCode);
        using var json = JsonDocument.Parse(run.Stdout);
        Assert.Equal("OPERATION_STATE_FAILED", json.RootElement.GetProperty("state").GetString());
        Assert.Equal("df", json.RootElement.GetProperty("evidence").GetString());
        Assert.Equal("0", json.RootElement.GetProperty("bytesTotal").GetString());
        Assert.Equal("12:00:01  ok      switching     counter is healthy\nReason: no space\n  df\n", run.Stderr);
    }

    [Theory]
    [InlineData("table")]
    [InlineData("json")]
    public async Task Ctrl_c_ends_the_watching_and_not_the_operation(string format)
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Updates.Add(
            Sample.Update(Sample.Operation(OperationState.Running), Sample.Step(1, "counter is healthy"))
        );
        await using var rollback = Appliancectl.Start(agent.Socket, "rollback", "--yes", "-o", format);
        await rollback.StderrShows(text => text.Contains("counter is healthy", StringComparison.Ordinal));

        var end = await rollback.InterruptAsync();

        Assert.Equal(0, end.ExitCode);
        Assert.EndsWith(
            "appliancectl: op-12 goes on without being watched. See: appliancectl operations watch op-12\n",
            end.Stderr,
            StringComparison.Ordinal
        );
        if (format == "table")
            Assert.Equal("", end.Stdout);
        else
            Assert.Contains("\"OPERATION_STATE_RUNNING\"", end.Stdout, StringComparison.Ordinal);
        Assert.DoesNotContain(agent.Calls, call => call.StartsWith("CancelOperation", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_operation_that_outlives_a_restart_of_the_agent_is_watched_to_its_end()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Updates.Add(Sample.Update(Sample.Operation(OperationState.Running), Sample.Step(4, "before")));
        await using var watch = Appliancectl.Start(agent.Socket, "operations", "watch");
        await watch.StderrShows(text => text.Contains("before", StringComparison.Ordinal));

        await agent.StopAsync();
        await watch.StderrShows(text => text.Contains("went away", StringComparison.Ordinal));
        agent.Updates.Add(
            Sample.Update(Sample.Operation(OperationState.Running), Sample.Step(5, "meanwhile")),
            Sample.Update(Sample.Operation(OperationState.Done))
        );
        await agent.ListenAsync();
        var end = await watch.EndAsync();

        Assert.Equal(0, end.ExitCode);
        Assert.Equal(
            """
            12:00:04  ok      switching     before
            appliancectl: the agent went away; waiting for it, Ctrl-C ends the wait
            appliancectl: the agent is back
            12:00:05  ok      switching     meanwhile

            """,
            end.Stderr
        );
        // The very operation, and only what had not been seen of it.
        Assert.Equal("""WatchOperation { "id": "op-12", "afterStep": "4" }""", agent.Calls[^1]);
    }

    [Fact]
    public async Task Why_an_operation_waits_is_told_once_to_who_watches_it()
    {
        await using var agent = await FakeAgent.StartAsync();
        var waits = Sample.Operation(OperationState.Running);
        waits.Waiting = "no space left on the disk of /data";
        agent.Updates.Add(
            Sample.Update(Sample.Operation(OperationState.Running), Sample.Step(4, "before")),
            Sample.Update(waits),
            Sample.Update(waits),
            Sample.Update(Sample.Operation(OperationState.Running), Sample.Step(5, "after")),
            Sample.Update(Sample.Operation(OperationState.Done))
        );

        var run = await Appliancectl.RunAsync(agent.Socket, "operations", "watch");

        Assert.Equal(
            """
            12:00:04  ok      switching     before
            waiting: no space left on the disk of /data
            12:00:05  ok      switching     after

            """,
            run.Stderr
        );
    }

    [Fact]
    public async Task An_operation_that_there_is_not_is_a_failure()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Failure = new(new(StatusCode.NotFound, "there is no operation 'op-99'"));

        var run = await Appliancectl.RunAsync(agent.Socket, "operations", "watch", "op-99");

        Assert.Equal((1, "", "appliancectl: there is no operation 'op-99'\n"), (run.ExitCode, run.Stdout, run.Stderr));
    }

    [Fact]
    public async Task A_rollback_that_loses_data_takes_the_moment_since_when()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Staged.Plan.Kind = OperationKind.Rollback;
        agent.Staged.Plan.LosesDataSince = "2026-01-15T11:00:00Z";
        agent.Staged.Plan.Volumes.Add(
            new VolumeChange
            {
                Volume = "demo_rows",
                Change = VolumeChange.Types.Change.BroughtBack,
                Bytes = 4096,
            }
        );
        agent.Updates.Add(Sample.Update(Sample.Operation(OperationState.Done)));

        var plan = await Appliancectl.RunAsync(agent.Socket, "rollback", "--plan");
        Assert.Contains("demo_rows", plan.Stdout, StringComparison.Ordinal);
        Assert.Contains("What was written since 2026-01-15T11:00:00Z", plan.Stdout, StringComparison.Ordinal);

        var unsaid = await Appliancectl.RunAsync(agent.Socket, "rollback", "--yes");
        Assert.Equal(2, unsaid.ExitCode);
        Assert.Contains("--lose-data-since 2026-01-15T11:00:00Z", unsaid.Stderr, StringComparison.Ordinal);
        var other = await Appliancectl.RunAsync(agent.Socket, "rollback", "--yes", "--lose-data-since", "yesterday");
        Assert.Equal(1, other.ExitCode);
        Assert.DoesNotContain(agent.Calls, c => c.StartsWith("StartRollback", StringComparison.Ordinal));

        var run = await Appliancectl.RunAsync(
            agent.Socket,
            "rollback",
            "--yes",
            "--lose-data-since",
            "2026-01-15T11:00:00Z"
        );
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("""StartRollback { "loseDataSince": "2026-01-15T11:00:00Z" }""", agent.Calls);
    }

    [Fact]
    public async Task A_rollback_is_planned_before_it_is_started()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Staged.Plan.Kind = OperationKind.Rollback;
        agent.Updates.Add(Sample.Update(Sample.Operation(OperationState.Done)));

        var plan = await Appliancectl.RunAsync(agent.Socket, "rollback", "--plan");
        Assert.StartsWith("Rollback of demo from 1.0.0 to 2.0.0\n", plan.Stdout, StringComparison.Ordinal);
        Assert.Equal(["PlanRollback { }"], agent.Calls);
        agent.Calls.Clear();

        var unasked = await Appliancectl.RunAsync(agent.Socket, "rollback");
        Assert.Equal(2, unasked.ExitCode);
        Assert.Empty(agent.Calls);

        var run = await Appliancectl.RunAsync(agent.Socket, "rollback", "--yes");
        Assert.Equal((0, "Done: what came of it (op-12, 42 s)\n"), (run.ExitCode, run.Stdout));
        Assert.Equal(["PlanRollback { }", "StartRollback { }", """WatchOperation { "id": "op-12" }"""], agent.Calls);
    }

    [Theory]
    [InlineData(StatusCode.Unavailable, 3, true)]
    [InlineData(StatusCode.FailedPrecondition, 5, false)]
    public async Task Where_it_is_not_known_whether_a_rollback_began_it_is_said_how_to_find_out(
        StatusCode answer,
        int exitCode,
        bool inDoubt
    )
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.StartFailure = new(new(answer, "op-11 runs"));

        var run = await Appliancectl.RunAsync(agent.Socket, "rollback", "--yes");

        Assert.Equal((exitCode, ""), (run.ExitCode, run.Stdout));
        Assert.Contains(": op-11 runs\n", run.Stderr, StringComparison.Ordinal);
        Assert.Equal(inDoubt, run.Stderr.Contains("appliancectl operations list", StringComparison.Ordinal));
    }

    [Fact]
    public async Task History_tells_below_what_went_wrong_why_it_did()
    {
        await using var agent = await FakeAgent.StartAsync();
        var first = Sample.Operation(OperationState.Done);
        (first.Id, first.Kind, first.FromVersion, first.ToVersion) = ("op-1", OperationKind.Install, "", "1.0.0");
        agent.Operations.AddRange([
            Sample.Operation(OperationState.RolledBack, "web was not healthy", "a\e]0;\nb\nc\nd\ne\nf"),
            first,
        ]);

        var run = await Appliancectl.RunAsync(agent.Socket, "history");

        Assert.Equal(
            """
            ID      STARTED               TOOK   KIND      FROM    TO      RESULT        BY
            op-12   2026-01-15 12:00:00   42 s   upgrade   1.0.0   2.0.0   rolled back   uid:0 (root)
               web was not healthy
                 a\x1b]0;
                 b
                 c
                 d
                 ... and 2 lines more, which -o json has
            op-1    2026-01-15 12:00:00   42 s   install   -       1.0.0   done          uid:0 (root)

            """,
            run.Stdout
        );
        Assert.Equal(["""ListHistory { "limit": 20 }"""], agent.Calls);
    }

    [Fact]
    public async Task Operations_are_listed_with_what_they_do_now()
    {
        await using var agent = await FakeAgent.StartAsync();
        var running = Sample.Operation(OperationState.Running);
        running.StartedAt = Sample.HoursAgo(1);
        agent.Operations.AddRange([running, Sample.Operation(OperationState.Done)]);

        var run = await Appliancectl.RunAsync(agent.Socket, "operations", "list", "--running", "--limit", "5");

        var lines = run.Stdout.Split('\n');
        Assert.Matches("^op-12 .* 70 min   upgrade   1.0.0   2.0.0   running   switching   starting web$", lines[1]);
        Assert.Matches(
            "^op-12 .* 42 s     upgrade   1.0.0   2.0.0   done      switching   what came of it.$",
            lines[2]
        );
        Assert.Equal(["""ListOperations { "limit": 5, "running": true }"""], agent.Calls);
    }

    [Fact]
    public async Task To_cancel_needs_a_yes_too()
    {
        await using var agent = await FakeAgent.StartAsync();

        var unasked = await Appliancectl.RunAsync(agent.Socket, "operations", "cancel", "op-12");
        Assert.Equal(2, unasked.ExitCode);
        Assert.Empty(agent.Calls);

        var asked = await Appliancectl.RunAsync(agent.Socket, "operations", "cancel", "op-12", "--yes");
        Assert.Equal(0, asked.ExitCode);
        Assert.StartsWith("Running: starting web (op-12, ", asked.Stdout, StringComparison.Ordinal);
        Assert.Equal("appliancectl: to watch it: appliancectl operations watch op-12\n", asked.Stderr);
        agent.Calls.Clear();

        agent.Started = Sample.Operation(OperationState.Cancelled);
        var run = await Appliancectl.RunAsync(agent.Socket, "operations", "cancel", "op-12", "--yes");
        Assert.Equal((0, "Cancelled: what came of it (op-12, 42 s)\n"), (run.ExitCode, run.Stdout));
        Assert.Equal(["""CancelOperation { "id": "op-12" }"""], agent.Calls);
    }
}
