using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using Grpc.HealthCheck;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Appliance.LoadApp;

/// <summary>
/// The application under load. Every answer names the version and the instance in its header; what has a nonce answers
/// with it, so that an answer to somebody else's request is noticed.
/// </summary>
/// <remarks>
/// When it is told to end it takes no new connection, says 1001 to WebSockets, lets the requests under way end, and says
/// in their answers that the connection closes.
/// </remarks>
public static class LoadApplication
{
    /// <summary>The header that names the version.</summary>
    public const string VersionHeader = "X-App-Version";

    /// <summary>The header that names the instance: in a container, its id.</summary>
    public const string InstanceHeader = "X-App-Instance";

    private static readonly TimeSpan Piece = TimeSpan.FromSeconds(1);

    /// <summary>Makes it; the caller starts it.</summary>
    /// <param name="faults">How it is ill.</param>
    /// <param name="clock">Its clock.</param>
    /// <param name="listen">Where it listens, and for what.</param>
    public static WebApplication Build(Faults faults, TimeProvider clock, Action<KestrelServerOptions> listen)
    {
        ArgumentNullException.ThrowIfNull(faults);
        ArgumentNullException.ThrowIfNull(clock);
        ArgumentNullException.ThrowIfNull(listen);

        // Empty: what is not named here would be started and watched for nothing, in each of many containers.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            listen(options);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = faults.Grace);
        var health = new HealthServiceImpl();
        health.SetStatus("", ServingStatus.Serving);
        builder.Services.AddSingleton(health);

        var app = builder.Build();
        var behaviour = new Behaviour(faults, health, clock);
        app.Use(
            (context, next) =>
            {
                context.Response.Headers[VersionHeader] = faults.Version;
                context.Response.Headers[InstanceHeader] = Environment.MachineName;
                return behaviour.Hangs ? UntilGoneAsync(context) : next(context);
            }
        );
        app.UseWebSockets(new() { KeepAliveInterval = TimeSpan.Zero });
        app.UseRouting();
        Map(app, behaviour);
        app.MapGrpcService<HealthServiceImpl>();
        return app;
    }

    private static void Map(WebApplication app, Behaviour behaviour)
    {
        var stopping = app.Lifetime.ApplicationStopping;
        app.MapGet("/", context => behaviour.AnswerAsync(context, EchoNonceAsync));
        app.MapPost("/", context => behaviour.AnswerAsync(context, EchoBodyAsync));
        app.MapGet("/slow", context => SlowAsync(context, behaviour));
        app.MapGet("/stream", context => StreamAsync(context, behaviour));
        app.MapGet("/ws", context => EchoMessagesAsync(context, stopping));
        app.MapGet("/healthz", context => AnswerAsync(context, "ok"));
        app.MapGet(
            "/ready",
            context =>
            {
                context.Response.StatusCode = behaviour.IsReady ? 200 : 503;
                return AnswerAsync(context, behaviour.IsReady ? "ready" : "not ready");
            }
        );
        // The disasters, by hand.
        app.MapPost(
            "/ready",
            context =>
            {
                behaviour.IsReady = context.Request.Query["is"] != "false";
                return AnswerAsync(context, behaviour.IsReady ? "ready" : "not ready");
            }
        );
        app.MapPost(
            "/error",
            context =>
            {
                behaviour.ErrorPercent = Number(context, "percent");
                return AnswerAsync(context, "ok");
            }
        );
        app.MapPost(
            "/hang",
            async context =>
            {
                await AnswerAsync(context, "hanging from now on");
                await context.Response.CompleteAsync();
                behaviour.Hang();
            }
        );
        app.MapPost(
            "/exit",
            context =>
            {
                Environment.Exit((int)Number(context, "code"));
                return Task.CompletedTask;
            }
        );
    }

    private static Task EchoNonceAsync(HttpContext context) =>
        AnswerAsync(context, context.Request.Query["nonce"].ToString());

    private static async Task EchoBodyAsync(HttpContext context)
    {
        context.Response.ContentLength = context.Request.ContentLength;
        await context.Request.BodyReader.CopyToAsync(context.Response.BodyWriter, context.RequestAborted);
    }

    // Long polling: not a byte until the end.
    private static async Task SlowAsync(HttpContext context, Behaviour behaviour)
    {
        await Task.Delay(TimeSpan.FromSeconds(Number(context, "seconds")), behaviour.Clock, context.RequestAborted);
        await EchoNonceAsync(context);
    }

    // A download: a dot each second, and the nonce at the end.
    private static async Task StreamAsync(HttpContext context, Behaviour behaviour)
    {
        for (var left = TimeSpan.FromSeconds(Number(context, "seconds")); left > TimeSpan.Zero; left -= Piece)
        {
            await WriteAsync(context, ".");
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(left < Piece ? left : Piece, behaviour.Clock, context.RequestAborted);
        }
        await WriteAsync(context, context.Request.Query["nonce"].ToString());
    }

    private static async Task EchoMessagesAsync(HttpContext context, CancellationToken stopping)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            return;
        }
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[4096];
        // What is cancelled in a receive aborts the socket; so the farewell is sent beside it.
        await using var farewell = stopping.Register(() => _ = SayGoodbyeAsync(socket));
        try
        {
            while (true)
            {
                var received = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
                if (received.MessageType == WebSocketMessageType.Close)
                    break;
                await AnswerUnlessLeavingAsync(socket, buffer, received, context.RequestAborted);
            }
            if (socket.State == WebSocketState.CloseReceived)
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // The other end has gone, or did not say goodbye in time: nobody is left to tell.
        }
    }

    private static async Task AnswerUnlessLeavingAsync(
        WebSocket socket,
        byte[] buffer,
        ValueWebSocketReceiveResult received,
        CancellationToken ct
    )
    {
        try
        {
            if (socket.State == WebSocketState.Open)
                await socket.SendAsync(
                    buffer.AsMemory(0, received.Count),
                    received.MessageType,
                    received.EndOfMessage,
                    ct
                );
        }
        catch (WebSocketException) when (socket.State == WebSocketState.CloseSent)
        {
            // The farewell came between: the client will say the message again elsewhere. Its own farewell is still read,
            // since a connection that is closed with something unread is reset, and the reset would overtake ours.
        }
    }

    private static async Task SayGoodbyeAsync(WebSocket socket)
    {
        try
        {
            await socket.CloseOutputAsync(
                WebSocketCloseStatus.EndpointUnavailable,
                "going away",
                CancellationToken.None
            );
        }
        catch (Exception e) when (e is WebSocketException or ObjectDisposedException)
        {
            // It has gone first.
        }
    }

    private static async Task UntilGoneAsync(HttpContext context)
    {
        var gone = new TaskCompletionSource();
        await using (context.RequestAborted.Register(gone.SetResult))
            await gone.Task;
    }

    private static Task AnswerAsync(HttpContext context, string text)
    {
        context.Response.ContentLength = Encoding.UTF8.GetByteCount(text);
        return WriteAsync(context, text);
    }

    private static Task WriteAsync(HttpContext context, string text) =>
        context.Response.WriteAsync(text, context.RequestAborted);

    private static double Number(HttpContext context, string name) =>
        double.TryParse(context.Request.Query[name], CultureInfo.InvariantCulture, out var number) ? number : 0;
}
