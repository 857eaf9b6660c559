using System.Net.Sockets;
using System.Text;

namespace Appliance.Docker.Tests.Transport;

/// <summary>What listens where an engine should, and fails on cue: it answers pings, and the rest as a test says.</summary>
internal sealed class FaultyEngine : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource stop = new();
    private readonly Func<string, byte[]?> answer;
    private readonly Task accepting;

    /// <summary>Listens.</summary>
    /// <param name="socketPath">Where.</param>
    /// <param name="answer">
    /// From the request line to the raw answer, after which the connection is closed; null never to answer.
    /// </param>
    public FaultyEngine(string socketPath, Func<string, byte[]?> answer)
    {
        this.answer = answer;
        listener.Bind(new UnixDomainSocketEndPoint(socketPath));
        listener.Listen();
        accepting = AcceptAsync();
    }

    /// <summary>The version that its answers name.</summary>
    public string ApiVersion { get; set; } = "1.41";

    /// <summary>Request lines heard, without pings.</summary>
    public List<string> Heard { get; } = [];

    public static byte[] Http(int status, string body, string apiVersion = "1.41", int? length = null) =>
        Encoding.UTF8.GetBytes(
            $"HTTP/1.1 {status} X\r\nApi-Version: {apiVersion}\r\nConnection: close\r\nContent-Type: application/json\r\n"
                + $"Content-Length: {length ?? Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"
        );

    /// <summary>An answer without a length: it ends when the connection does.</summary>
    public static byte[] Stream(ReadOnlySpan<byte> body) =>
        [.. "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\n\r\n"u8, .. body];

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await accepting;
        listener.Dispose();
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
                serving.Add(ServeAsync(await listener.AcceptAsync(stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        using (connection)
        {
            try
            {
                var head = await ReadHeadAsync(connection);
                var line = head.Split("\r\n")[0];
                var raw = line.StartsWith("GET /_ping ", StringComparison.Ordinal)
                    ? Http(200, "OK", ApiVersion)
                    : Answer(line);
                if (raw is null)
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, stop.Token);
                else
                    await connection.SendAsync(raw, stop.Token);
                connection.Shutdown(SocketShutdown.Send);
                // Closed only when the client has gone: what it has not read yet would be lost.
                while (await connection.ReceiveAsync(new byte[4096], stop.Token) > 0) { }
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // The client hung up, or the test is over.
            }
        }
    }

    private byte[]? Answer(string line)
    {
        lock (Heard)
            Heard.Add(line);
        return answer(line);
    }

    private async Task<string> ReadHeadAsync(Socket connection)
    {
        var head = new StringBuilder();
        var buffer = new byte[4096];
        while (!head.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            var read = await connection.ReceiveAsync(buffer, stop.Token);
            if (read == 0)
                break;
            head.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        return head.ToString();
    }
}
