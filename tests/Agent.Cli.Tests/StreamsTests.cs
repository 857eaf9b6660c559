using System.Globalization;
using Grpc.Core;

namespace Agent.Cli.Tests;

/// <summary>Streams that are followed, cut, and gone on with.</summary>
public sealed class StreamsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Following_events_prints_each_as_it_happens_and_ends_with_ctrl_c_as_done()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Events.Add(Sample.Event(1));
        await using var follower = Appliancectl.Start(agent.Socket, "events", "-f");
        await follower.StdoutShows(text => Ids(text) is [1]);

        agent.Events.Add(Sample.Event(2));
        await follower.StdoutShows(text => Ids(text) is [1, 2]);

        Assert.Equal(0, (await follower.InterruptAsync()).ExitCode);
    }

    [Fact]
    public async Task Following_events_survives_a_restart_of_the_agent_without_loss_or_repetition()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Events.Add(Sample.Event(1), Sample.Event(2), Sample.Event(3));
        await using var follower = Appliancectl.Start(agent.Socket, "events", "-f", "-n", "2");
        await follower.StdoutShows(text => Ids(text) is [2, 3]);

        await agent.StopAsync();
        await follower.StderrShows(text => text.Contains("went away", StringComparison.Ordinal));
        agent.Events.Add(Sample.Event(4), Sample.Event(5));
        await agent.ListenAsync();
        await follower.StderrShows(text => text.Contains("the agent is back", StringComparison.Ordinal));
        agent.Events.Add(Sample.Event(6));
        await follower.StdoutShows(text => Ids(text).Contains(6));

        var end = await follower.InterruptAsync();
        Assert.Equal([2, 3, 4, 5, 6], Ids(end.Stdout));
        Assert.Equal(0, end.ExitCode);
    }

    [Fact]
    public async Task Following_events_from_now_on_loses_none_of_a_restart()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Events.Add(Sample.Event(1), Sample.Event(2));
        await using var follower = Appliancectl.Start(agent.Socket, "events", "-f", "-n", "0");
        await agent.Called("StreamEvents", times: 2);

        await agent.StopAsync();
        await follower.StderrShows(text => text.Contains("went away", StringComparison.Ordinal));
        agent.Events.Add(Sample.Event(3));
        await agent.ListenAsync();
        await follower.StdoutShows(text => Ids(text).Length > 0);

        var end = await follower.InterruptAsync();
        Assert.Equal([3], Ids(end.Stdout));
    }

    [Fact]
    public async Task Following_logs_survives_a_restart_of_the_agent_without_loss_or_repetition()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Services.AddRange([Sample.Web(), Sample.Db()]);
        agent.Logs.Add(
            Sample.Line("shop-web-1", "one", at: 1),
            Sample.Line("shop-db-1", "two", at: 1),
            Sample.Line("shop-web-1", "three", at: 2),
            // Two lines of one moment: the cut falls between them.
            Sample.Line("shop-web-1", "four", at: 3)
        );
        await using var follower = Appliancectl.Start(agent.Socket, "services", "logs", "-f", "--no-prefix");
        await follower.StdoutShows(text => text.EndsWith("four\n", StringComparison.Ordinal));

        await agent.StopAsync();
        await follower.StderrShows(text => text.Contains("went away", StringComparison.Ordinal));
        agent.Logs.Add(
            Sample.Line("shop-web-1", "five", at: 3),
            Sample.Line("shop-db-1", "six", at: 3),
            Sample.Line("shop-web-2", "seven", at: 4)
        );
        await agent.ListenAsync();
        await follower.StdoutShows(text => text.Contains("seven", StringComparison.Ordinal));
        agent.Logs.Add(Sample.Line("shop-db-1", "eight", at: 5));
        await follower.StdoutShows(text => text.Contains("eight", StringComparison.Ordinal));

        var end = await follower.InterruptAsync();
        Assert.Equal("one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n", end.Stdout);
        Assert.Equal(0, end.ExitCode);
    }

    [Theory]
    [InlineData(StatusCode.Internal)]
    [InlineData(StatusCode.Unknown)]
    public async Task An_agent_that_fails_each_time_is_not_asked_for_ever(StatusCode answer)
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Failure = new(new(answer, "the reason"));

        var run = await Appliancectl.RunAsync(agent.Socket, "events", "-f");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains($"failed: the reason ({answer})", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_follower_whose_reader_has_gone_ends()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Events.Add(Sample.Event(1));
        await using var follower = Appliancectl.StartPipeline(agent.Socket, "events -f", "head -n 1");
        await follower.StdoutShows(text => Ids(text) is [1]);

        // The first may still fit into the pipe that nobody empties any more.
        var end = follower.EndAsync();
        for (var id = 2; !end.IsCompleted; id++)
        {
            agent.Events.Add(Sample.Event(id));
            await Task.WhenAny(end, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Token));
        }

        var outcome = await end;
        Assert.Equal([1], Ids(outcome.Stdout));
    }

    [Fact]
    public async Task What_ctrl_c_cuts_short_is_not_done()
    {
        await using var agent = await FakeAgent.StartAsync();
        agent.Stuck = true;
        await using var stop = Appliancectl.Start(agent.Socket, "services", "stop", "web");
        await agent.Called("StopService", times: 1);

        Assert.Equal(130, (await stop.InterruptAsync()).ExitCode);
    }

    /// <summary>The ids of the events printed, one at the start of each whole line.</summary>
    private static int[] Ids(string text) =>
        [
            .. text.Split('\n')
                .SkipLast(1)
                .Select(line => int.Parse(line.TrimStart().Split(' ')[0], CultureInfo.InvariantCulture)),
        ];
}
