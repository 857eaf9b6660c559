using System.Text.Json;
using Appliance.Cli.Output;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Agent.Cli.Tests;

/// <summary>`upgrade`: sending the bundle, the plan, and the yes.</summary>
public sealed class UpgradeTests : IDisposable
{
    private const string Plan = """
        Upgrade of demo from 1.0.0 to 2.0.0

        SERVICE   CHANGE      DOWNTIME     WHY
        web       changed     about 12 s   image demo/web:1.0.0 -> demo/web:2.0.0; environment
        mail      added       none
        fax       removed     none
        counter   untouched   none

        web: other services get no answer meanwhile: its order is stop-first

        To move      120 MB
        To store     46 MB
        To unpack    1.5 GB
        Free         12 GB
        Migrations   migrate
        Takes        about 43 s

        """;

    private readonly ScratchFolder folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_bundle_arrives_byte_for_byte_and_its_steps_and_its_result_are_told()
    {
        await using var agent = await FakeAgent.StartAsync();
        var bytes = Bytes(3_000_001);
        agent.Updates.Add(
            Sample.Update(
                Sample.Operation(OperationState.Running),
                Sample.Step(1, "signatures of demo 2.0.0", phase: "verified"),
                Sample.Step(2, "starting demo-web-1", OperationStep.Types.Outcome.Begun),
                Sample.Step(3, "demo-web-1 is not healthy yet", OperationStep.Types.Outcome.Failed)
            ),
            Sample.Update(Sample.Operation(OperationState.Done))
        );

        var run = await Appliancectl.RunAsync(agent.Socket, "upgrade", "--bundle", Bundle(bytes), "--yes");

        Assert.Equal((0, "Done: what came of it (op-12, 42 s)\n"), (run.ExitCode, run.Stdout));
        Assert.EndsWith(
            """
            12:00:01  ok      verified      signatures of demo 2.0.0
            12:00:02  ...     switching     starting demo-web-1
            12:00:03  failed  switching     demo-web-1 is not healthy yet

            """,
            run.Stderr,
            StringComparison.Ordinal
        );
        Assert.StartsWith(Plan, run.Stderr, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', run.Stderr);
        Assert.True(agent.Received.ToArray().AsSpan().SequenceEqual(bytes));
        Assert.Equal(60 * 1024, agent.LargestChunk);
        Assert.Equal(
            [
                """StageBundle { "start": { "fileName": "demo.bundle", "size": "3000001" } }""",
                """StartUpgrade { "digest": "sha256:abc" }""",
                """WatchOperation { "id": "op-12" }""",
            ],
            agent.Calls
        );
    }

    [Fact]
    public async Task A_plan_starts_nothing()
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(
            agent.Socket,
            "upgrade",
            "--bundle",
            Bundle(Bytes(10)),
            "--plan",
            "--accept-expired"
        );

        Assert.Equal(
            Plan
                + """
                Signed       3 days ago
                Signatures   expire in 365 days
                Digest       sha256:abc

                """,
            run.Stdout
        );
        Assert.Equal((0, ""), (run.ExitCode, run.Stderr));
        Assert.Equal(
            ["""StageBundle { "start": { "fileName": "demo.bundle", "size": "10", "acceptExpired": true } }"""],
            agent.Calls
        );
    }

    [Fact]
    public async Task A_plan_as_json_is_the_staged_release()
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(
            agent.Socket,
            ["upgrade", "--bundle", Bundle(Bytes(10)), "--plan", "-o", "json"]
        );

        using var json = JsonDocument.Parse(run.Stdout);
        Assert.Equal("sha256:abc", json.RootElement.GetProperty("digest").GetString());
        Assert.Equal("", run.Stderr);
    }

    [Fact]
    public async Task The_json_of_a_plan_is_what_scripts_rely_on()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Staged.Plan.Findings.Add([Sample.Refusal(), Sample.Requirement(), Sample.Warning()]);

        var run = await Appliancectl.RunAsync(
            agent.Socket,
            ["upgrade", "--bundle", Bundle(Bytes(10)), "--plan", "-o", "json"]
        );

        using var json = JsonDocument.Parse(run.Stdout);
        using var expected = JsonDocument.Parse(
            await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Golden/plan.json"), Token)
        );
        Assert.True(
            JsonElement.DeepEquals(expected.RootElement, json.RootElement.GetProperty("plan")),
            json.RootElement.GetProperty("plan").GetRawText()
        );
    }

    [Fact]
    public async Task A_check_says_what_speaks_against_it_and_fails_for_what_refuses_it()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Staged.Plan.Findings.Add([Sample.Refusal(), Sample.Warning()]);

        var run = await Appliancectl.RunAsync(agent.Socket, "upgrade", "--bundle", Bundle(Bytes(10)), "--check");

        Assert.Equal(
            """
            Upgrade of demo from 1.0.0 to 2.0.0

            refused   Port 8080/tcp, which web is to have, is held by another program, on 0.0.0.0.
                      End that program: `ss -tlnp sport = :8080` names it.
            warning   Nothing keeps the clock right.
                      Have it set from a time server.

            """,
            run.Stdout
        );
        Assert.Equal((5, ""), (run.ExitCode, run.Stderr));
        Assert.Single(agent.Calls);
    }

    [Fact]
    public async Task A_check_that_finds_only_warnings_or_nothing_is_passed()
    {
        await using var agent = await FakeAgent.StartAsync();
        string[] check = ["upgrade", "--bundle", Bundle(Bytes(10)), "--check"];

        var nothing = await Appliancectl.RunAsync(agent.Socket, check);
        agent.Staged.Plan.Findings.Add(Sample.Warning());
        var warned = await Appliancectl.RunAsync(agent.Socket, check);

        Assert.Equal(
            (0, "Upgrade of demo from 1.0.0 to 2.0.0\nNothing speaks against it.\n"),
            (nothing.ExitCode, nothing.Stdout)
        );
        Assert.Equal(0, warned.ExitCode);
    }

    [Fact]
    public async Task What_would_be_refused_is_not_asked_about_and_not_begun()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Staged.Plan.Findings.Add(Sample.Refusal());

        var run = await Appliancectl.RunAsync(agent.Socket, "upgrade", "--bundle", Bundle(Bytes(10)), "--yes");

        Assert.Equal((5, ""), (run.ExitCode, run.Stdout));
        Assert.EndsWith(
            "appliancectl: refused: port 8080/tcp, which web is to have, is held by another program, on 0.0.0.0\n",
            run.Stderr,
            StringComparison.Ordinal
        );
        Assert.Single(agent.Calls);
    }

    [Fact]
    public async Task Who_goes_without_a_snapshot_is_not_told_what_only_that_would_take()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Staged.Plan.BytesToCopy = 1;
        agent.Staged.Plan.Findings.Add(
            new Finding
            {
                Kind = "data",
                Refuses = true,
                Sentence = "it cannot be kept",
                Remedy = "go without",
            }
        );
        string[] check = ["upgrade", "--bundle", Bundle(Bytes(10)), "--check"];
        string[] without = [.. check, "--without-snapshot", "I accept that data may be lost"];

        var kept = await Appliancectl.RunAsync(agent.Socket, check);
        Assert.Equal(5, kept.ExitCode);
        Assert.Contains("refused   It cannot be kept.", kept.Stdout, StringComparison.Ordinal);
        var gone = await Appliancectl.RunAsync(agent.Socket, without);
        Assert.Equal(0, gone.ExitCode);
        Assert.EndsWith("Nothing speaks against it.\n", gone.Stdout, StringComparison.Ordinal);

        // Room for anything else is wanted all the same.
        agent.Staged.Plan.Findings.Add(
            new Finding
            {
                Kind = "space",
                Refuses = true,
                Sentence = "it is full",
                Remedy = "make room",
            }
        );
        Assert.Equal(5, (await Appliancectl.RunAsync(agent.Socket, without)).ExitCode);
    }

    [Theory]
    [InlineData(StatusCode.FailedPrecondition, 5, "appliancectl: refused: blobs/sha256/ab: the bytes are others\n")]
    [InlineData(StatusCode.ResourceExhausted, 1, "appliancectl: blobs/sha256/ab: the bytes are others\n")]
    public async Task A_bundle_that_is_refused_on_the_way_is_not_sent_to_its_end(
        StatusCode status,
        int exitCode,
        string message
    )
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Refusal = (500_000, new(new(status, "blobs/sha256/ab: the bytes are others")));
        // Sparse: to send it all would take longer than anybody waits.
        var bundle = folder["demo.bundle"];
        await using (var file = File.Create(bundle))
            file.SetLength(1L << 42);

        var run = await Appliancectl.RunAsync(agent.Socket, "upgrade", "--bundle", bundle, "--yes");

        Assert.Equal((exitCode, "", message), (run.ExitCode, run.Stdout, run.Stderr));
        Assert.Single(agent.Calls);
    }

    [Fact]
    public async Task Ctrl_c_while_sending_gives_the_upload_up_and_changes_nothing()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.StopsReading = true;
        await using var upgrade = Appliancectl.Start(
            agent.Socket,
            "upgrade",
            "--bundle",
            Bundle(Bytes(10_000_000)),
            "--yes"
        );
        await agent.Called("StageBundle", times: 1);

        var end = await upgrade.InterruptAsync();

        Assert.Equal(130, end.ExitCode);
        Assert.Equal("appliancectl: interrupted while the bundle was sent; nothing was changed\n", end.Stderr);
        await agent.UploadCancelled.Task.WaitAsync(Token);
        Assert.Single(agent.Calls);
    }

    [Fact]
    public async Task Without_a_terminal_a_yes_is_asked_for_before_anything_is_sent()
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(agent.Socket, "upgrade", "--bundle", Bundle(Bytes(10)));

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.Contains("--yes", run.Stderr, StringComparison.Ordinal);
        Assert.Empty(agent.Calls);
    }

    [Theory]
    [InlineData("y\n", 0)]
    [InlineData("n\n", 1)]
    [InlineData("", 1)]
    public async Task On_a_terminal_the_plan_is_shown_and_a_yes_is_asked_for(string typed, int exitCode)
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Updates.Add(
            Sample.Update(Sample.Operation(OperationState.Running), Sample.Step(1, "counter is healthy")),
            Sample.Update(Sample.Operation(OperationState.Done))
        );

        await using var upgrade = Appliancectl.StartOnTerminal(agent.Socket, "upgrade", "--bundle", Bundle(Bytes(10)));
        await upgrade.StdoutShows(text =>
            text.EndsWith("Upgrade demo from 1.0.0 to 2.0.0? [y/N] ", StringComparison.Ordinal)
        );
        upgrade.Type(typed);
        var run = await upgrade.EndAsync();

        Assert.Equal(exitCode, run.ExitCode);
        if (exitCode == 0)
        {
            // A step in colour, the progress behind it, which gives way to the result.
            Assert.Contains(
                "12:00:01  \e[32mok    \e[0m  switching     counter is healthy\r\n"
                    + "\rswitching, starting web\e[K\r\e[K\e[32mDone\e[0m: what came of it (op-12, 42 s)",
                run.Stdout,
                StringComparison.Ordinal
            );
            Assert.Contains("StartUpgrade", agent.Calls[1], StringComparison.Ordinal);
        }
        else
        {
            Assert.Contains("Nothing was changed.", run.Stdout, StringComparison.Ordinal);
            Assert.Single(agent.Calls);
        }
    }

    [Fact]
    public async Task Ctrl_c_is_an_answer_too()
    {
        await using var agent = await FakeAgent.StartAsync();
        await using var upgrade = Appliancectl.StartOnTerminal(agent.Socket, "upgrade", "--bundle", Bundle(Bytes(10)));
        await upgrade.StdoutShows(text => text.EndsWith("[y/N] ", StringComparison.Ordinal));

        upgrade.Type("\u0003");

        Assert.Equal(130, (await upgrade.EndAsync()).ExitCode);
        Assert.Single(agent.Calls);
    }

    [Theory]
    [InlineData(".", "is a folder")]
    [InlineData("/nonexistent.bundle", "/nonexistent.bundle cannot be read: No such file")]
    [InlineData("/dev/null", "is empty, or not a regular file")]
    public async Task What_is_no_file_is_usage(string path, string message)
    {
        var run = await Appliancectl.RunAsync("/nonexistent", "upgrade", "--bundle", path, "--yes");

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.Contains(message, run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public void Progress_is_a_line_now_and_then_where_none_can_be_taken_back()
    {
        var clock = new ManualClock();
        using var log = new StringWriter { NewLine = "\n" };
        var progress = new Progress(new Screen(log, color: false, redraws: false, width: null), clock);

        progress.Show(() => "none");
        clock.Advance(TimeSpan.FromSeconds(10));
        progress.Show(() => "some");
        clock.Advance(TimeSpan.FromSeconds(9));
        progress.Show(() => "more");
        clock.Advance(TimeSpan.FromSeconds(1));
        progress.Show(() => "most");

        Assert.Equal("some\nmost\n", log.ToString());
    }

    [Fact]
    public void Progress_is_drawn_over_itself_at_most_ten_times_a_second_and_never_wraps()
    {
        var clock = new ManualClock();
        using var terminal = new StringWriter { NewLine = "\n" };
        var screen = new Screen(terminal, color: false, redraws: true, width: 10);
        var progress = new Progress(screen, clock);

        for (var ms = 0; ms < 250; ms += 10)
        {
            progress.Show(() => $"0123 {ms}\e[2J is long");
            clock.Advance(TimeSpan.FromMilliseconds(10));
        }
        screen.WriteLine("step");

        Assert.Equal("\r0123 100\\\e[K\r0123 200\\\e[K\r\e[Kstep\n", terminal.ToString());
    }

    private string Bundle(byte[] bytes)
    {
        var path = folder["demo.bundle"];
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
