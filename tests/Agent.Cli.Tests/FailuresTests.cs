using Grpc.Core;

namespace Agent.Cli.Tests;

/// <summary>Exit codes, and what standard error says beside them.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class FailuresTests
{
    [Theory]
    [InlineData(StatusCode.Unknown, 1, "failed: the reason (Unknown)")]
    [InlineData(StatusCode.Internal, 1, "failed: the reason (Internal)")]
    [InlineData(StatusCode.NotFound, 1, "the reason")]
    [InlineData(StatusCode.ResourceExhausted, 1, "appliancectl: the reason")]
    [InlineData(StatusCode.Unimplemented, 1, "the agent does not know this command")]
    [InlineData(StatusCode.InvalidArgument, 2, "the reason")]
    [InlineData(StatusCode.Unavailable, 3, "did not answer: the reason")]
    [InlineData(StatusCode.PermissionDenied, 4, "not permitted: the reason")]
    [InlineData(StatusCode.Unauthenticated, 4, "not permitted: the reason")]
    [InlineData(StatusCode.FailedPrecondition, 5, "refused: the reason")]
    [InlineData(StatusCode.Aborted, 6, "rolled back: the reason")]
    public async Task What_the_agent_answers_becomes_an_exit_code(StatusCode answer, int exitCode, string message)
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Failure = new(new(answer, "the reason"));

        var run = await Appliancectl.RunAsync(agent.Socket, "status");

        Assert.Equal((exitCode, ""), (run.ExitCode, run.Stdout));
        Assert.StartsWith("appliancectl: ", run.Stderr, StringComparison.Ordinal);
        Assert.Contains(message, run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_is_not_permitted_learns_which_groups_are()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Failure = new(new(StatusCode.PermissionDenied, "uid 1000 has no role"));

        var run = await Appliancectl.RunAsync(agent.Socket, "services", "stop", "web", "db");

        Assert.Equal(4, run.ExitCode);
        Assert.Contains("appliance-viewer", run.Stderr, StringComparison.Ordinal);
        Assert.Contains("appliance-operator", run.Stderr, StringComparison.Ordinal);
        Assert.Contains("appliance-admin", run.Stderr, StringComparison.Ordinal);
        Assert.Single(agent.Calls);
    }

    [Fact]
    public async Task Whoever_may_not_open_the_socket_is_not_permitted_either()
    {
        await using var agent = await FakeAgent.StartAsync();
        File.SetUnixFileMode(agent.Socket, UnixFileMode.None);

        var run = await Appliancectl.RunWithoutPrivilegesAsync(agent.Socket, "status");

        Assert.Equal(4, run.ExitCode);
        Assert.Contains($"you may not open the agent's socket {agent.Socket}", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_an_agent_the_message_says_where_it_was_looked_for_and_what_to_do()
    {
        var run = await Appliancectl.RunAsync("/nonexistent/agent.sock", "services", "list");

        Assert.Equal((3, ""), (run.ExitCode, run.Stdout));
        Assert.Contains(
            "cannot be reached: there is no socket at /nonexistent/agent.sock",
            run.Stderr,
            StringComparison.Ordinal
        );
        Assert.Contains("systemctl status appliance-agent", run.Stderr, StringComparison.Ordinal);
        Assert.Contains("--socket", run.Stderr, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("status --help")]
    [InlineData("--bogus 2>&1")]
    [InlineData("bundle lint /nonexistent 2>&1")]
    public async Task A_reader_who_has_left_is_nothing_to_complain_about(string arguments)
    {
        var run = await Appliancectl.RunWithoutReaderAsync(arguments);

        Assert.Equal("", run.Stderr);
    }

    [Fact]
    public async Task A_stream_that_follows_does_not_wait_for_an_agent_that_was_never_there()
    {
        var run = await Appliancectl.RunAsync("/nonexistent/agent.sock", "events", "-f");

        Assert.Equal(3, run.ExitCode);
    }

    [Fact]
    public async Task The_option_wins_over_the_variable_and_the_variable_over_the_default()
    {
        var option = await Appliancectl.RunAsync("/nonexistent/variable", "status", "--socket", "/nonexistent/option");
        var variable = await Appliancectl.RunAsync("/nonexistent/variable", "status");
        var neither = await Appliancectl.RunWithAsync([("APPLIANCE_SOCKET", null)], "status", "--help");

        Assert.Contains("/nonexistent/option", option.Stderr, StringComparison.Ordinal);
        Assert.Contains("/nonexistent/variable", variable.Stderr, StringComparison.Ordinal);
        Assert.Contains("/run/appliance-agent/agent.sock", neither.Stdout, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("statsu", "statsu")]
    [InlineData("status -o yaml", "--output is table or json, not 'yaml'")]
    [InlineData("services", "Required command")]
    [InlineData("services stop", "Required argument")]
    [InlineData("services start web --reason because", "--reason")]
    [InlineData("services logs --since yesterday", "--since is a time span")]
    [InlineData("services logs --tail -5", "--tail is a number of lines, not '-5'")]
    [InlineData("events --after x", "--after is the id of an event, not 'x'")]
    [InlineData("status --bogus", "--bogus")]
    [InlineData("upgrade --yes", "--bundle")]
    [InlineData("history --limit -1", "--limit is a number of operations, not '-1'")]
    [InlineData("operations cancel --yes", "Required argument")]
    public async Task A_command_line_that_makes_no_sense_is_usage(string arguments, string message)
    {
        var run = await Appliancectl.RunAsync("/nonexistent/agent.sock", arguments.Split(' '));

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.Contains(message, run.Stderr, StringComparison.Ordinal);
        Assert.Contains("--help", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_that_no_socket_can_have_is_usage()
    {
        var run = await Appliancectl.RunAsync("/" + new string('x', 120), "status");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("at most 107 bytes", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_version_is_printed()
    {
        var run = await Appliancectl.RunAsync("/nonexistent", "--version");

        Assert.Equal(0, run.ExitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+", run.Stdout);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("services list")]
    [InlineData("services show")]
    [InlineData("services start")]
    [InlineData("services stop")]
    [InlineData("services restart")]
    [InlineData("services logs")]
    [InlineData("events")]
    [InlineData("audit list")]
    [InlineData("audit verify")]
    [InlineData("bundle lint")]
    [InlineData("upgrade")]
    [InlineData("rollback")]
    [InlineData("history")]
    [InlineData("operations list")]
    [InlineData("operations watch")]
    [InlineData("operations cancel")]
    public async Task Every_command_has_help_with_examples(string command)
    {
        var run = await Appliancectl.RunAsync("/nonexistent", [.. command.Split(' '), "--help"]);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains($"Usage:\n  appliancectl {command}", run.Stdout, StringComparison.Ordinal);
        Assert.Contains($"Examples:\n", run.Stdout, StringComparison.Ordinal);
        Assert.Contains(
            $"\n  appliancectl {command}",
            run.Stdout[run.Stdout.IndexOf("Examples", StringComparison.Ordinal)..],
            StringComparison.Ordinal
        );
    }
}
