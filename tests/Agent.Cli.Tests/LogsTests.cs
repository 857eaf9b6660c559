using System.Text.Json;

namespace Agent.Cli.Tests;

/// <summary>What containers print, as an administrator reads it.</summary>
public sealed class LogsTests
{
    [Fact]
    public async Task Lines_are_behind_aligned_prefixes_in_the_order_they_came_and_standard_error_is_marked()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Services.AddRange([Sample.Web(), Sample.Db()]);
        agent.Logs.Add(
            Sample.Line("shop-db-1", "ready", at: 1),
            Sample.Line("shop-web-1", "listening", at: 2),
            Sample.Line("shop-web-1", "no favicon", at: 3, stderr: true),
            Sample.Line("shop-db-1", "\tindented", at: 4)
        );

        var run = await Appliancectl.RunAsync(agent.Socket, "services", "logs");

        Assert.Equal(
            "db-1   | ready\n" + "web-1  | listening\n" + "web-1 !| no favicon\n" + "db-1   | \tindented\n",
            run.Stdout
        );
        Assert.Equal((0, ""), (run.ExitCode, run.Stderr));
    }

    [Fact]
    public async Task Times_and_bare_lines_are_printed_on_request_and_the_agent_is_asked_for_no_more_than_that()
    {
        await using var agent = await FakeAgent.StartAsync();
        var line = Sample.Line("shop-web-1", "hello", at: 2);
        line.Time.Nanos = 1_002_003;
        agent.Logs.Add(Sample.Line("shop-web-1", "early", at: 1), line);

        var run = await Appliancectl.RunAsync(
            agent.Socket,
            ["services", "logs", "web", "-t", "--no-prefix", "-n", "1", "--since", "2026-01-15T12:00:00Z"]
        );

        Assert.Equal("2026-01-15T12:00:02.001002003Z hello\n", run.Stdout);
        Assert.Equal(
            ["""StreamLogs { "services": [ "web" ], "tail": 1, "since": "2026-01-15T12:00:00Z" }"""],
            agent.Calls
        );
    }

    [Fact]
    public async Task A_hostile_line_cannot_drive_the_terminal()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Logs.Add(
            Sample.Line("shop-web-1", "\e[2J\e]0;owned\aok\r\b\u009b5n \u202eevil\u2069 \e[1;32mgreen\e[0m", at: 1)
        );

        var run = await Appliancectl.RunOnTerminalAsync(agent.Socket, [], "services", "logs", "--no-prefix");

        Assert.Equal(@"\x1b[2J\x1b]0;owned\x07ok\r\x08\x9b5n \u202eevil\u2069 green", run.Stdout.TrimEnd());
    }

    [Fact]
    public async Task Json_keeps_a_line_exactly_as_it_was()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Logs.Add(Sample.Line("shop-web-1", "\e[31mred\r", at: 1));

        var run = await Appliancectl.RunAsync(agent.Socket, "services", "logs", "-o", "json");

        Assert.DoesNotContain('\e', run.Stdout);
        using var json = JsonDocument.Parse(run.Stdout);
        Assert.Equal("\e[31mred\r", json.RootElement.GetProperty("text").GetString());
        Assert.Equal("STREAM_STDOUT", json.RootElement.GetProperty("stream").GetString());
    }

    [Fact]
    public async Task Each_container_has_a_colour_on_a_terminal_and_none_elsewhere()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Logs.Add(Sample.Line("shop-web-1", "a", at: 1), Sample.Line("shop-web-2", "b", at: 2));

        var terminal = await Appliancectl.RunOnTerminalAsync(agent.Socket, [], "services", "logs");
        var pipe = await Appliancectl.RunAsync(agent.Socket, "services", "logs");

        Assert.Equal("\e[36mweb-1\e[0m  | a\r\n\e[33mweb-2\e[0m  | b\r\n", terminal.Stdout);
        Assert.Equal("web-1  | a\nweb-2  | b\n", pipe.Stdout);
    }

    [Theory]
    [InlineData("--no-color", null)]
    [InlineData(null, "NO_COLOR")]
    public async Task Colours_can_be_declined(string? option, string? variable)
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Status = Sample.Status();

        var run = await Appliancectl.RunOnTerminalAsync(
            agent.Socket,
            variable is null ? [] : [(variable, "1")],
            option is null ? ["status"] : ["status", option]
        );

        Assert.Contains("DEGRADED", run.Stdout, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', run.Stdout);
    }

    [Fact]
    public async Task A_table_is_cut_to_the_terminal_and_its_states_are_coloured()
    {
        await using var agent = await FakeAgent.StartAsync();
        var db = Sample.Db();
        db.Summary.Explanation = new string('x', 200);
        agent.Services.Add(db);

        var run = await Appliancectl.RunOnTerminalAsync(agent.Socket, [], "services", "list");

        var row = run.Stdout.Split("\r\n")[1];
        Assert.Contains("\e[31mbacking off\e[0m", row, StringComparison.Ordinal);
        Assert.EndsWith("x…", row, StringComparison.Ordinal);
        Assert.Equal(80, row.Length - "\e[31m\e[0m".Length);
    }
}
