using System.Text.Json;
using Appliance.Testing;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;
using Outcome = Appliance.V1.DisasterReport.Types.Outcome;

namespace Agent.Cli.Tests;

/// <summary>Disasters on purpose: the yes that they take, and the report of them.</summary>
public sealed class DrillTests : IDisposable
{
    private readonly ScratchFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_can_be_brought_about_is_listed_with_what_cannot_and_why()
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(agent.Socket, "drill", "--list", "--service", "web");

        Assert.Equal(
            (
                0,
                """
                DISASTER       HERE   WHAT
                kill-service   yes    kills the process of a container
                kill-agent     no     kills the agent itself
                   nothing here would start it again
                Aimed at web.

                """
            ),
            (run.ExitCode, run.Stdout)
        );
        Assert.Equal(["ListDisasters { \"service\": \"web\" }"], agent.Calls);
    }

    [Theory]
    [InlineData(OperationState.Done, 0)]
    [InlineData(OperationState.Failed, 1)]
    [InlineData(OperationState.Refused, 5)]
    public async Task A_drill_is_watched_and_its_report_printed_and_written(OperationState state, int exitCode)
    {
        await using var agent = Drilled(await FakeAgent.StartAsync(), state);

        var run = await Appliancectl.RunAsync(
            agent.Socket,
            ["drill", "--all", "--short", "--window", "5m", "--yes", "--report", folder["drill.md"]]
        );

        Assert.Equal(exitCode, run.ExitCode);
        Assert.StartsWith(
            """
            DISASTER       TARGET       RESULT    NOTICED   RECOVERED   LOST         GAP
            kill-service   demo-web-1   passed    12 ms     1.2 s       3 of 1,204   40 ms
            kill-agent     -            not run   -         -           -            -
               nothing here would start it again

            """,
            run.Stdout,
            StringComparison.Ordinal
        );
        Assert.Contains("kill-service  kills the process of demo-web-1", run.Stderr);
        Assert.Equal(
            [
                "StartDrill { \"window\": \"300s\", \"short\": true }",
                "WatchOperation { \"id\": \"drill-3\" }",
                "GetDrillReport { \"id\": \"drill-3\" }",
            ],
            agent.Calls
        );
        var report = await File.ReadAllTextAsync(folder["drill.md"], TestContext.Current.CancellationToken);
        Assert.Contains(
            "| kill-service | demo-web-1 | passed | 12 ms (5.0 s) | 1.2 s (15.0 s) | 3 of 1,204 | 40 ms |\n",
            report
        );
        Assert.Contains("**kill-agent**: Nothing here would start it again.\n", report);
        // What a container is called cannot break out of its cell.
        Assert.Contains("The agent said: a \\| b.", report);
    }

    [Fact]
    public async Task A_script_gets_the_report_as_one_document()
    {
        await using var agent = Drilled(await FakeAgent.StartAsync(), OperationState.Done);

        var run = await Appliancectl.RunAsync(agent.Socket, "drill", "kill-service", "--yes", "-o", "json");

        var disaster = JsonDocument.Parse(run.Stdout).RootElement.GetProperty("disasters")[0];
        Assert.Equal("3", disaster.GetProperty("lost").GetString());
        Assert.Equal("StartDrill { \"names\": [ \"kill-service\" ] }", agent.Calls[0]);
    }

    [Fact]
    public async Task Without_a_terminal_and_a_yes_nothing_is_brought_about()
    {
        await using var agent = await FakeAgent.StartAsync();

        var run = await Appliancectl.RunAsync(agent.Socket, "drill", "--all");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("Add --yes to do it without being asked.", run.Stderr);
        Assert.Empty(agent.Calls);
    }

    [Theory]
    [InlineData("drill")]
    [InlineData("drill kill-service --all")]
    [InlineData("drill --list --all")]
    [InlineData("drill --all --window soon")]
    public async Task What_is_to_be_drilled_must_be_clear(string line)
    {
        await using var agent = await FakeAgent.StartAsync();

        Assert.Equal(2, (await Appliancectl.RunAsync(agent.Socket, [.. line.Split(' '), "--yes"])).ExitCode);
        Assert.Empty(agent.Calls);
    }

    private static FakeAgent Drilled(FakeAgent agent, OperationState state)
    {
        var operation = Sample.Operation(state);
        (operation.Id, operation.Kind) = ("drill-3", OperationKind.Drill);
        agent.Started = operation.Clone();
        agent.Started.State = OperationState.Running;
        agent.Updates.Add(
            Sample.Update(
                operation,
                Sample.Step(1, "kills the process of demo-web-1", OperationStep.Types.Outcome.Begun, "kill-service")
            )
        );
        agent.DrillReport = new DrillReport
        {
            Operation = operation,
            Disasters =
            {
                new DisasterReport
                {
                    Name = "kill-service",
                    Target = "demo-web-1",
                    Outcome = Outcome.Passed,
                    Detected = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(12)),
                    DetectedBy = "a | b",
                    DetectWithin = Duration.FromTimeSpan(TimeSpan.FromSeconds(5)),
                    Recovered = Duration.FromTimeSpan(TimeSpan.FromSeconds(1.2)),
                    RecoverWithin = Duration.FromTimeSpan(TimeSpan.FromSeconds(15)),
                    Asked = "http://127.0.0.1/",
                    Requests = 1204,
                    Lost = 3,
                    LongestGap = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(40)),
                },
                new DisasterReport
                {
                    Name = "kill-agent",
                    Outcome = Outcome.NotRun,
                    Why = "nothing here would start it again",
                },
            },
        };
        return agent;
    }
}
