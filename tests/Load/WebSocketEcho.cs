using System.Net;
using System.Net.WebSockets;
using System.Text;

namespace Appliance.Load;

/// <summary>
/// A WebSocket that is kept open and says something again and again, which has to come back. When its server closes it
/// with 1001 because it goes away, it is opened anew at once, and what had not come back is said again: that is how a
/// WebSocket is moved, and it is counted apart. Every other end is a failure; so is everything that goes wrong on the new one,
/// and a 1001 before anything came back, since nobody should have been sent to a server that is going away.
/// </summary>
internal sealed class WebSocketEcho(
    LoadOptions options,
    Server server,
    Recorder recorder,
    TimeProvider clock,
    string name
)
{
    private const HttpStatusCode NoAnswer = default;

    private readonly byte[] buffer = new byte[256];
    private long said;

    public async Task RunAsync(CancellationToken stop)
    {
        var since = clock.GetTimestamp();
        while (!stop.IsCancellationRequested)
        {
            switch (await ServeAsync(since, stop))
            {
                case Ending.Drained:
                    // Due now: what a user waits for is the moment until it is open again.
                    since = clock.GetTimestamp();
                    break;
                case Ending.Failed:
                    // One that is refused is refused thousands of times a second.
                    await PauseAsync(options.EchoInterval, stop);
                    since = clock.GetTimestamp();
                    break;
                default:
                    return;
            }
        }
    }

    private async Task<Ending> ServeAsync(long due, CancellationToken stop)
    {
        using var socket = new ClientWebSocket();
        string? version = null;
        var next = due;
        var echoed = false;
        try
        {
            version = await OpenAsync(socket, due);
            var receiving = ReceiveAsync(socket);
            next = clock.GetTimestamp();
            while (!stop.IsCancellationRequested)
            {
                // The server may say goodbye while nothing is asked.
                if (!await IsDueAsync(next, receiving, stop))
                {
                    if (receiving.IsCompleted)
                        return await EndedAsync(socket, receiving, version, echoed);
                    continue;
                }
                var message = $"{name}-{++said}";
                await WithinAsync(token =>
                    socket.SendAsync(Encoding.ASCII.GetBytes(message), WebSocketMessageType.Text, true, token)
                );
                if (await TextAsync(receiving) is not { } echo)
                    return await EndedAsync(socket, receiving, version, echoed);
                echoed = true;
                var right = echo == message;
                Record(
                    next,
                    right ? new(version) : new(version, FailureKind.WrongBody, $"'{echo}', expected '{message}'")
                );
                receiving = ReceiveAsync(socket);
                next += (long)(options.EchoInterval.TotalSeconds * clock.TimestampFrequency);
            }
            return await CloseAsync(socket, receiving, version);
        }
        catch (Exception e) when (FailureOf(e, socket) is { } failure)
        {
            Record(Math.Min(next, clock.GetTimestamp()), new(version, failure, Words(e)));
            return Ending.Failed;
        }
    }

    private async Task<string?> OpenAsync(ClientWebSocket socket, long due)
    {
        socket.Options.Proxy = null;
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.SetRequestHeader("Host", server.Host);
        socket.Options.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            Server.Look(certificate, recorder);
        var uri = new UriBuilder(new Uri(server.Base, server.Path("/ws")))
        {
            Scheme = server.Tls is null ? "ws" : "wss",
        }.Uri;
        await WithinAsync(token => socket.ConnectAsync(uri, token));
        var version =
            socket.HttpResponseHeaders?.TryGetValue("X-App-Version", out var values) == true ? values.First() : null;
        Record(due, new(version));
        return version;
    }

    /// <summary>Closes it because the load ends; the server has to answer that.</summary>
    private async Task<Ending> CloseAsync(
        ClientWebSocket socket,
        Task<ValueWebSocketReceiveResult> receiving,
        string? version
    )
    {
        await WithinAsync(token => socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, token));
        var text = await TextAsync(receiving);
        if (text is not null)
            Record(clock.GetTimestamp(), new(version, FailureKind.WrongBody, $"'{text}' instead of a close"));
        return Ending.Stopped;
    }

    private async Task<Ending> EndedAsync(
        ClientWebSocket socket,
        Task<ValueWebSocketReceiveResult> receiving,
        string? version,
        bool echoed
    )
    {
        var now = clock.GetTimestamp();
        if (await TextAsync(receiving) is { } text)
        {
            Record(now, new(version, FailureKind.WrongBody, $"'{text}', which nobody had said"));
            return Ending.Failed;
        }
        var status = socket.CloseStatus;
        await WithinAsync(token => socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, token));
        if (status == WebSocketCloseStatus.EndpointUnavailable && echoed)
        {
            recorder.Drained();
            return Ending.Drained;
        }
        Record(now, new(version, FailureKind.WebSocketClosed, $"{(int?)status} {socket.CloseStatusDescription}"));
        return Ending.Failed;
    }

    private Task<ValueWebSocketReceiveResult> ReceiveAsync(ClientWebSocket socket) =>
        socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None).AsTask();

    /// <summary>What was received; null when it is the other end's close.</summary>
    private async Task<string?> TextAsync(Task<ValueWebSocketReceiveResult> receiving)
    {
        var received = await receiving.WaitAsync(options.Timeout, clock);
        return received.MessageType == WebSocketMessageType.Close
            ? null
            : Encoding.ASCII.GetString(buffer, 0, received.Count);
    }

    /// <summary>Waits for a moment; false when something has come, or the load ends, before.</summary>
    private async Task<bool> IsDueAsync(long moment, Task receiving, CancellationToken stop)
    {
        var left = clock.GetElapsedTime(clock.GetTimestamp(), moment);
        if (left > TimeSpan.Zero)
            await Task.WhenAny(receiving, PauseAsync(left, stop));
        return !receiving.IsCompleted && !stop.IsCancellationRequested;
    }

    private async Task PauseAsync(TimeSpan time, CancellationToken stop) =>
        await Task.Delay(time, clock, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task WithinAsync(Func<CancellationToken, Task> action)
    {
        using var deadline = new CancellationTokenSource(options.Timeout, clock);
        await action(deadline.Token);
    }

    private void Record(long due, Outcome outcome) =>
        recorder.Record(RequestKind.WebSocket, clock.GetElapsedTime(due), outcome);

    private static FailureKind? FailureOf(Exception e, ClientWebSocket socket) =>
        e switch
        {
            OperationCanceledException or TimeoutException => FailureKind.TimedOut,
            // Before it was open, it failed as every request may.
            WebSocketException when socket.HttpStatusCode == NoAnswer => Failures.Of(e.InnerException)
                ?? FailureKind.Malformed,
            WebSocketException when socket.HttpStatusCode != HttpStatusCode.SwitchingProtocols => FailureKind.Status,
            WebSocketException or IOException => FailureKind.WebSocketCut,
            _ => null,
        };

    private static string Words(Exception e) =>
        e.InnerException is { } inner ? $"{e.Message} ({inner.Message})" : e.Message;

    private enum Ending
    {
        Stopped,
        Drained,
        Failed,
    }
}
