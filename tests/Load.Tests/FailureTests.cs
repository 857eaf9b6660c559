using Appliance.Testing;

namespace Appliance.Load.Tests;

/// <summary>Whatever can go wrong with a request is seen, and called by its name.</summary>
public sealed class FailureTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nobody_who_listens() => await AllAreAsync(FailureKind.Refused, await FaultyServer.NobodyAsync());

    [Fact]
    public async Task A_reset_before_the_answer() =>
        await AllAreAsync(
            FailureKind.Reset,
            visitor =>
            {
                visitor.Reset();
                return Task.CompletedTask;
            }
        );

    [Fact]
    public async Task A_close_before_the_answer() =>
        await AllAreAsync(
            FailureKind.Unanswered,
            visitor =>
            {
                visitor.Close();
                return Task.CompletedTask;
            }
        );

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot a hundred")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfive!\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nnot fifty")]
    public async Task An_answer_that_ends_before_its_end(string answer) =>
        await AllAreAsync(
            FailureKind.Truncated,
            async visitor =>
            {
                await visitor.SayAsync(answer);
                visitor.Close();
            }
        );

    [Fact]
    public async Task Another_status() =>
        await AllAreAsync(FailureKind.Status, visitor => visitor.AnswerAsync(visitor.Nonce, "503 Service Unavailable"));

    [Fact]
    public async Task Somebody_elses_answer()
    {
        var report = await AllAreAsync(FailureKind.WrongBody, visitor => visitor.AnswerAsync(visitor.Nonce + "0"));
        Assert.Equal(["faulty"], report.Phases[0].Versions.Keys);
    }

    [Fact]
    public async Task Something_that_is_not_HTTP() =>
        await AllAreAsync(FailureKind.Malformed, visitor => visitor.SayAsync("220 ready for mail\r\n\r\n"));

    [Fact]
    public async Task No_answer_in_time() =>
        await AllAreAsync(
            FailureKind.TimedOut,
            visitor => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, visitor.Stopped)
        );

    [Fact]
    public async Task No_TLS_where_there_should_be()
    {
        await using var server = new FaultyServer(visitor => visitor.AnswerAsync("plain"));
        var url = new UriBuilder(server.Url) { Scheme = "https" }.Uri;
        var report = await ReportAsync(Options(url), requests: 5);
        Assert.Equal(report.Requests, report.Failed);
    }

    [Fact]
    public async Task One_that_could_not_be_sent_since_too_many_are_under_way()
    {
        await using var server = new FaultyServer(visitor =>
            Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, visitor.Stopped)
        );
        var report = await ReportAsync(Options(server.Url) with { MostUnderWay = 3 }, requests: 30);
        Assert.True(report.Phases[0].FailuresByKind[FailureKind.NotSent] > 10);
        Assert.Equal(3, report.Client.MostUnderWay);
    }

    [Fact]
    public async Task A_connection_that_is_closed_while_nothing_was_asked_is_none()
    {
        await using var server = new FaultyServer(async visitor =>
        {
            await visitor.AnswerAsync(visitor.Nonce);
            visitor.Close();
        });
        var report = await ReportAsync(
            Options(server.Url) with
            {
                Rate = 5,
                Connections = 1,
                Mix = new(KeptAlive: 1, New: 0, Post: 0, Http2: 0),
            },
            requests: 5
        );
        Assert.Equal(0, report.Failed);
        Assert.True(report.Client.ClosedIdle > 0);
    }

    [Fact]
    public async Task A_failure_tells_when_it_was_and_what()
    {
        await using var server = new FaultyServer(visitor => visitor.AnswerAsync("", "500 Internal Server Error"));
        await using var run = await LoadRun.StartAsync(Options(server.Url), TimeProvider.System, Cancelled);
        await Eventually.TrueAsync("some failed", () => run.Report().Failed > 3, Cancelled);
        run.Mark("second");
        await Eventually.TrueAsync("some failed again", () => run.Report().Phase("second").Failed > 3, Cancelled);
        var report = await run.StopAsync(Cancelled);

        Assert.Equal(["steady", "second"], report.Phases.Select(p => p.Name));
        Assert.Equal(report.Failed, report.Windows.Sum(w => w.Failed));
        Assert.Equal(report.Failed, report.Failures.Count);
        Assert.All(report.Failures, f => Assert.Equal("500", f.Detail));
        var second = report.Phase("second");
        Assert.All(report.Failures.Where(f => f.Phase == "second"), f => Assert.True(f.At >= second.Began));
        Assert.Contains("\"Status\":", report.ToJson(), StringComparison.Ordinal);
        Assert.Contains("Status: 500", report.ToString(), StringComparison.Ordinal);
    }

    private static LoadOptions Options(Uri target) =>
        new()
        {
            Target = target,
            Rate = 50,
            // The server above reads no bodies.
            Mix = new(KeptAlive: 1, New: 1, Post: 0, Http2: 0),
            LongRequests = 0,
            WebSockets = 0,
            Timeout = TimeSpan.FromSeconds(1),
        };

    private static async Task AllAreAsync(FailureKind kind, Uri target)
    {
        var report = await ReportAsync(Options(target), requests: 20);
        Assert.Equal([kind], report.Phases[0].FailuresByKind.Keys);
        Assert.Equal(report.Requests, report.Failed);
    }

    private static async Task<LoadReport> AllAreAsync(FailureKind kind, Func<Visitor, Task> behaviour)
    {
        await using var server = new FaultyServer(behaviour);
        var report = await ReportAsync(Options(server.Url), requests: 20);
        Assert.True(report.Phases[0].FailuresByKind.Keys.SequenceEqual([kind]), report.ToString());
        Assert.Equal(report.Requests, report.Failed);
        return report;
    }

    private static async Task<LoadReport> ReportAsync(LoadOptions options, int requests)
    {
        await using var run = await LoadRun.StartAsync(options, TimeProvider.System, Cancelled);
        await Eventually.TrueAsync("requests have ended", () => run.Report().Requests >= requests, Cancelled);
        return await run.StopAsync(Cancelled);
    }
}
