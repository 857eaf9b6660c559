using Appliance.Testing;

namespace Appliance.Load.Tests;

/// <summary>Load on an application that is well, and what the client says of itself.</summary>
public sealed class RunTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_fails_of_an_application_that_is_well(bool tls)
    {
        await using var app = await RunningApplication.StartAsync(new() { Version = "1.2.3" }, Cancelled);
        await using var run = await LoadRun.StartAsync(
            Short(tls ? app.Https : app.Http),
            TimeProvider.System,
            Cancelled
        );
        RequestKind[] expected =
        [
            RequestKind.KeptAlive,
            RequestKind.New,
            RequestKind.Post,
            .. tls ? [RequestKind.Http2] : Array.Empty<RequestKind>(),
            RequestKind.LongPoll,
            RequestKind.Stream,
            RequestKind.WebSocket,
        ];
        await Eventually.TrueAsync(
            "every kind of request has ended",
            () => run.Report().Phases[0].Kinds.Count == expected.Length,
            Cancelled
        );
        run.Mark("later");
        await Eventually.TrueAsync("more have", () => run.Report().Phase("later").Requests > 100, Cancelled);
        var report = await run.StopAsync(Cancelled);

        Assert.True(report.Failed == 0, report.ToString());
        Assert.Equal(expected, report.Phases[0].Kinds.Keys);
        Assert.All(report.Phases, p => Assert.Equal(["1.2.3"], p.Versions.Keys));
        Assert.Equal(report.Requests, report.Windows.Sum(w => w.Requests));
        Assert.Equal(report.Requests, report.Windows.Sum(w => w.Versions.Values.Sum()));
        Assert.Equal(tls ? [app.Thumbprint] : Array.Empty<string>(), report.Phases[0].Certificates);
    }

    [Fact]
    public async Task Every_request_that_was_due_is_sent_however_slow_the_answers_are()
    {
        await using var app = await RunningApplication.StartAsync(
            new() { Latency = TimeSpan.FromSeconds(2) },
            Cancelled
        );
        var options = Short(app.Http) with { Rate = 500, LongRequests = 0, WebSockets = 0 };
        await using var run = await LoadRun.StartAsync(options, TimeProvider.System, Cancelled);
        await Eventually.TrueAsync("requests have ended", () => run.Report().Requests > 500, Cancelled);
        var sending = run.Report().Took;
        var report = await run.StopAsync(Cancelled);

        Assert.True(report.Failed == 0, report.ToString());
        Assert.True(report.Requests >= options.Rate * sending.TotalSeconds * 0.95, report.ToString());
        Assert.True(report.Phases[0].Latency.P50 >= TimeSpan.FromSeconds(2), report.ToString());
        Assert.True(report.Client.MostUnderWay > 500, report.ToString());
    }

    [Fact]
    public async Task A_server_that_stands_still_is_charged_with_all_who_would_have_waited()
    {
        var stands = TimeSpan.FromSeconds(2);
        var until = new TaskCompletionSource();
        await using var server = new FaultyServer(async visitor =>
        {
            await until.Task;
            await visitor.AnswerAsync(visitor.Nonce);
        });
        var options = Short(server.Url) with { Rate = 50, LongRequests = 0, WebSockets = 0, Mix = new(1, 0, 0, 0) };
        await using var run = await LoadRun.StartAsync(options, TimeProvider.System, Cancelled);
        await Eventually.TrueAsync("it has stood still", () => run.Report().Took >= stands, Cancelled);
        until.SetResult();
        var report = await run.StopAsync(Cancelled);

        Assert.True(report.Failed == 0, report.ToString());
        Assert.True(report.Requests >= 95, report.ToString());
        // They were due evenly over that time: half of them for more than half of it.
        Assert.True(report.Phases[0].Latency.P50 >= stands * 0.45, report.ToString());
        Assert.True(report.Phases[0].Latency.Max >= stands * 0.95, report.ToString());
    }

    [Fact]
    public async Task A_client_that_is_late_says_so()
    {
        await using var app = await RunningApplication.StartAsync(new(), Cancelled);
        var late = TimeSpan.FromMilliseconds(300);
        await using var run = await LoadRun.StartAsync(Short(app.Http), new SlowTimers(late), Cancelled);
        await Eventually.TrueAsync("it has sent some", () => run.Report().Requests > 100, Cancelled);
        var report = await run.StopAsync(Cancelled);

        Assert.True(report.Client.Lateness.Max >= late * 0.9, report.ToString());
        // What was sent late was answered late, from when it was due.
        Assert.True(report.Phases[0].Latency.Max >= late * 0.9, report.ToString());
        Assert.Contains("the client was late itself", report.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_part_of_the_requests_fails_when_a_part_of_them_does()
    {
        await using var app = await RunningApplication.StartAsync(new() { ErrorPercent = 5 }, Cancelled);
        await using var run = await LoadRun.StartAsync(
            Short(app.Http) with
            {
                Rate = 500,
            },
            TimeProvider.System,
            Cancelled
        );
        await Eventually.TrueAsync("requests have ended", () => run.Report().Requests >= 400, Cancelled);
        var report = await run.StopAsync(Cancelled);

        var requests = report.Phases[0].Kinds.Where(k => k.Key <= RequestKind.Post).Sum(k => k.Value.Requests);
        Assert.Equal([FailureKind.Status], report.Phases[0].FailuresByKind.Keys);
        Assert.InRange(report.Failed, (requests / 20) - 1, (requests / 20) + 1);
    }

    private static LoadOptions Short(Uri target) =>
        new()
        {
            Target = target,
            Rate = 200,
            LongRequests = 4,
            LongTime = TimeSpan.FromSeconds(2),
            WebSockets = 3,
            EchoInterval = TimeSpan.FromMilliseconds(200),
            Timeout = TimeSpan.FromSeconds(30),
        };

    /// <summary>A machine that is busy with something else: short timers come late.</summary>
    private sealed class SlowTimers(TimeSpan late) : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            period > TimeSpan.Zero && period < late
                ? System.CreateTimer(callback, state, late, late)
                : System.CreateTimer(callback, state, dueTime, period);
    }
}
