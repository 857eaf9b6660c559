using System.Net;
using Appliance.LoadApp;
using Appliance.Testing;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Appliance.Load.Tests;

/// <summary>The application under load: how it ends, and how it is ill.</summary>
public sealed class ApplicationTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Told_to_end_it_lets_requests_end_and_says_goodbye_to_WebSockets()
    {
        await using var app = await RunningApplication.StartAsync(new(), Cancelled);
        var options = new LoadOptions
        {
            Target = app.Http,
            Rate = 0,
            LongRequests = 4,
            LongTime = TimeSpan.FromSeconds(3),
            WebSockets = 3,
            EchoInterval = TimeSpan.FromMilliseconds(100),
        };
        await using var run = await LoadRun.StartAsync(options, TimeProvider.System, Cancelled);
        await Eventually.TrueAsync(
            "both long requests are under way, and the WebSockets open",
            () =>
                run.Report().Client.MostUnderWay >= 2
                && run.Report().Phases[0].Kinds.GetValueOrDefault(RequestKind.WebSocket)?.Requests >= 6,
            Cancelled
        );
        var stopping = app.StopAsync(Cancelled);
        await Eventually.TrueAsync("WebSockets are drained", () => run.Report().Phases[0].Drained >= 1, Cancelled);
        var report = await run.StopAsync(Cancelled);
        await stopping;

        // Those that came after it are refused, or told at once that it goes away; those before it have their whole answers.
        Assert.All(
            report.Failures,
            f => Assert.True(f.Kind == FailureKind.Refused || f.Request == RequestKind.WebSocket, report.ToString())
        );
        Assert.True(
            report.Phases[0].Kinds.Where(k => k.Key < RequestKind.WebSocket).Sum(k => k.Value.Requests - k.Value.Failed)
                >= 2,
            report.ToString()
        );
    }

    [Fact]
    public async Task It_errs_as_often_as_it_is_told_and_its_health_checks_never()
    {
        await using var app = await RunningApplication.StartAsync(new() { ErrorPercent = 20 }, Cancelled);
        using var client = new HttpClient { BaseAddress = app.Http };
        Assert.Equal(10, await ErrorsOf50Async("/"));
        Assert.Equal(0, await ErrorsOf50Async("/healthz"));
        Assert.Equal(0, await ErrorsOf50Async("/ready"));

        await client.PostAsync(new Uri("/error?percent=0", UriKind.Relative), null, Cancelled);
        Assert.Equal(0, await ErrorsOf50Async("/"));

        async Task<int> ErrorsOf50Async(string path)
        {
            var errors = 0;
            for (var i = 0; i < 50; i++)
            {
                using var response = await client.GetAsync(new Uri(path, UriKind.Relative), Cancelled);
                errors += response.StatusCode == HttpStatusCode.InternalServerError ? 1 : 0;
            }
            return errors;
        }
    }

    [Fact]
    public async Task It_is_ready_and_unready_as_it_is_told()
    {
        await using var app = await RunningApplication.StartAsync(new(), Cancelled);
        using var client = new HttpClient { BaseAddress = app.Http };
        using var channel = GrpcChannel.ForAddress(app.Grpc);
        var health = new Health.HealthClient(channel);
        Assert.Equal(ServingStatus.Serving, await StatusAsync());

        await client.PostAsync(new Uri("/ready?is=false", UriKind.Relative), null, Cancelled);
        using var unready = await client.GetAsync(new Uri("/ready", UriKind.Relative), Cancelled);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, unready.StatusCode);
        Assert.Equal(ServingStatus.NotServing, await StatusAsync());
        Assert.Equal("ok", await client.GetStringAsync(new Uri("/healthz", UriKind.Relative), Cancelled));

        async Task<ServingStatus> StatusAsync() =>
            (await health.CheckAsync(new(), cancellationToken: Cancelled)).Status;
    }

    [Fact]
    public async Task Hanging_it_takes_connections_and_answers_nothing()
    {
        await using var app = await RunningApplication.StartAsync(new(), Cancelled);
        using var client = new HttpClient { BaseAddress = app.Http, Timeout = TimeSpan.FromSeconds(1) };
        using var answer = await client.PostAsync(new Uri("/hang", UriKind.Relative), null, Cancelled);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await Assert.ThrowsAsync<TaskCanceledException>(() =>
            client.GetAsync(new Uri("/healthz", UriKind.Relative), Cancelled)
        );
        using var channel = GrpcChannel.ForAddress(app.Grpc);
        var health = new Health.HealthClient(channel);
        var late = await Assert.ThrowsAsync<RpcException>(async () =>
            await health.CheckAsync(
                new(),
                deadline: TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(1),
                cancellationToken: Cancelled
            )
        );
        Assert.Equal(StatusCode.DeadlineExceeded, late.StatusCode);
    }

    [Fact]
    public void Its_faults_come_from_variables()
    {
        var variables = new Dictionary<string, string>
        {
            ["APP_VERSION"] = "2.0.0",
            ["ERROR_PERCENT"] = "2.5",
            ["START_DELAY"] = "90",
            ["CRASH_AFTER"] = "0.5",
            ["LATENCY_MS"] = "20",
        };
        Assert.Equal(
            new Faults
            {
                Version = "2.0.0",
                ErrorPercent = 2.5,
                StartDelay = TimeSpan.FromSeconds(90),
                CrashAfter = TimeSpan.FromSeconds(0.5),
                Latency = TimeSpan.FromMilliseconds(20),
            },
            Faults.FromEnvironment(variables.GetValueOrDefault)
        );
        Assert.Throws<FormatException>(() => Faults.FromEnvironment(name => name == "HANG" ? "soon" : null));
    }
}
