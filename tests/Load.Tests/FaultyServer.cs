using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Appliance.Load.Tests;

/// <summary>A server that does to each request, byte for byte, what a test says.</summary>
internal sealed class FaultyServer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Func<Visitor, Task> behaviour;
    private readonly Task accepting;

    public FaultyServer(Func<Visitor, Task> behaviour)
    {
        this.behaviour = behaviour;
        listener.Start(512);
        accepting = AcceptAsync();
    }

    public Uri Url => new($"http://{listener.LocalEndpoint}");

    /// <summary>A port on which nobody listens.</summary>
    public static async Task<Uri> NobodyAsync()
    {
        await using var server = new FaultyServer(_ => Task.CompletedTask);
        return server.Url;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
                serving.Add(ServeAsync(await listener.AcceptSocketAsync(stop.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        var visitor = new Visitor(socket, stream, stop.Token);
        try
        {
            while (await visitor.ReadRequestAsync())
                await behaviour(visitor);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The visitor has gone, or was shown out.
        }
    }
}

/// <summary>A connection and its present request.</summary>
internal sealed class Visitor(Socket socket, NetworkStream stream, CancellationToken stop)
{
    public CancellationToken Stopped => stop;

    /// <summary>The nonce that the request asks for.</summary>
    public string Nonce { get; private set; } = "";

    public string Head { get; private set; } = "";

    /// <summary>Reads a request without a body; false when the connection was closed.</summary>
    public async Task<bool> ReadRequestAsync()
    {
        var text = new StringBuilder();
        var one = new byte[1024];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            var read = await stream.ReadAsync(one, stop);
            if (read == 0)
                return false;
            text.Append(Encoding.ASCII.GetString(one, 0, read));
        }
        Head = text.ToString();
        Nonce = Head.Split(' ')[1].Split("nonce=")[^1];
        return true;
    }

    public async Task SayAsync(string text) => await stream.WriteAsync(Encoding.ASCII.GetBytes(text), stop);

    public Task AnswerAsync(string body, string status = "200 OK") =>
        SayAsync($"HTTP/1.1 {status}\r\nContent-Length: {body.Length}\r\nX-App-Version: faulty\r\n\r\n{body}");

    /// <summary>Closes with FIN.</summary>
    public void Close() => socket.Shutdown(SocketShutdown.Both);

    /// <summary>Closes with RST.</summary>
    public void Reset()
    {
        socket.LingerState = new(enable: true, seconds: 0);
        socket.Dispose();
    }
}
