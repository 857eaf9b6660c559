using System.Net;
using System.Net.WebSockets;
using Appliance.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Appliance.Load.Tests;

/// <summary>How the end of a WebSocket is judged.</summary>
public sealed class WebSocketTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_whose_server_goes_away_is_opened_anew_and_counted_apart()
    {
        var report = await ReportAsync(
            (socket, _) => socket.CloseOutputAsync(WebSocketCloseStatus.EndpointUnavailable, "going away", Cancelled),
            report => report.Phases[0].Drained >= 5
        );
        Assert.True(report.Failed == 0, report.ToString());
    }

    [Fact]
    public async Task One_that_was_sent_to_a_server_that_goes_away_has_failed()
    {
        var report = await ReportAsync(
            (socket, _) => socket.CloseOutputAsync(WebSocketCloseStatus.EndpointUnavailable, "going away", Cancelled),
            report => report.Failed >= 2,
            echoes: 0
        );
        Assert.Equal([FailureKind.WebSocketClosed], report.Phases[0].FailuresByKind.Keys);
        Assert.Equal(0, report.Phases[0].Drained);
    }

    [Fact]
    public async Task One_that_is_closed_for_another_reason_has_failed()
    {
        var report = await ReportAsync(
            (socket, _) => socket.CloseOutputAsync(WebSocketCloseStatus.InternalServerError, "a bug", Cancelled),
            report => report.Failed >= 2
        );
        Assert.Equal([FailureKind.WebSocketClosed], report.Phases[0].FailuresByKind.Keys);
        Assert.Equal(0, report.Phases[0].Drained);
    }

    [Fact]
    public async Task One_that_is_cut_has_failed()
    {
        var report = await ReportAsync(
            (_, context) =>
            {
                context.Abort();
                return Task.CompletedTask;
            },
            report => report.Failed >= 2
        );
        Assert.Equal([FailureKind.WebSocketCut], report.Phases[0].FailuresByKind.Keys);
    }

    [Fact]
    public async Task One_that_says_something_else_has_failed()
    {
        var report = await ReportAsync(
            async (socket, _) =>
                await socket.SendAsync("else"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, Cancelled),
            report => report.Failed >= 2
        );
        Assert.Equal([FailureKind.WrongBody], report.Phases[0].FailuresByKind.Keys);
    }

    [Fact]
    public async Task One_that_says_nothing_has_failed()
    {
        var report = await ReportAsync((_, _) => Task.CompletedTask, report => report.Failed >= 2);
        Assert.Equal([FailureKind.TimedOut], report.Phases[0].FailuresByKind.Keys);
    }

    [Fact]
    public async Task One_that_is_refused_with_a_status_has_failed()
    {
        await using var server = new FaultyServer(visitor => visitor.AnswerAsync("", "503 Service Unavailable"));
        var report = await ReportAsync(server.Url, report => report.Failed >= 2);
        Assert.Equal([FailureKind.Status], report.Phases[0].FailuresByKind.Keys);
    }

    [Fact]
    public async Task One_that_nobody_takes_has_failed()
    {
        var report = await ReportAsync(await FaultyServer.NobodyAsync(), report => report.Failed >= 2);
        Assert.Equal([FailureKind.Refused], report.Phases[0].FailuresByKind.Keys);
    }

    /// <summary>Runs against a server that echoes on each WebSocket so often, and does this when a message has come.</summary>
    private static async Task<LoadReport> ReportAsync(
        Func<WebSocket, HttpContext, Task> then,
        Func<LoadReport, bool> enough,
        int echoes = 1
    )
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0));
        await using var app = builder.Build();
        app.UseWebSockets();
        app.Run(async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[1024];
            try
            {
                for (var i = 0; i < echoes; i++)
                {
                    var message = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
                    await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, true, Cancelled);
                }
                await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
                await then(socket, context);
                while ((await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted)).Count > 0) { }
            }
            catch (Exception e) when (e is WebSocketException or OperationCanceledException)
            {
                // The client has gone.
            }
        });
        await app.StartAsync(Cancelled);
        return await ReportAsync(new Uri(app.Urls.Single()), enough);
    }

    private static async Task<LoadReport> ReportAsync(Uri target, Func<LoadReport, bool> enough)
    {
        var options = new LoadOptions
        {
            Target = target,
            Rate = 0,
            LongRequests = 0,
            WebSockets = 2,
            EchoInterval = TimeSpan.FromMilliseconds(50),
            Timeout = TimeSpan.FromSeconds(2),
        };
        await using var run = await LoadRun.StartAsync(options, TimeProvider.System, Cancelled);
        await Eventually.TrueAsync("enough has happened", () => enough(run.Report()), Cancelled);
        var report = run.Report();
        await run.StopAsync(Cancelled);
        return report;
    }
}
