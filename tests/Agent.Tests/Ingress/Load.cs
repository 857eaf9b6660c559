using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>
/// Clients that ask without a pause, half of them on one connection for as long as it is kept, half on a new one each time.
/// Each failure counts, and none is tried again: a connection that is closed where an answer should be is one, unless the
/// answer before has said that it would be.
/// </summary>
internal sealed class Load : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly Task[] clients;
    private readonly List<string> failures = [];
    private int answered;

    private Load(int port, bool tls, string path, int count)
    {
        clients =
        [
            .. Enumerable.Range(0, count).Select(n => Task.Run(() => ClientAsync(port, tls, path, keeps: n % 2 == 0))),
        ];
    }

    public int Answered => Volatile.Read(ref answered);

    public static Load On(int port, bool tls = false, string path = "/load", int clients = 6) =>
        new(port, tls, path, clients);

    /// <summary>Returns after so many answers more, or at the first failure.</summary>
    public Task ReachAsync(int more, CancellationToken ct)
    {
        var target = Answered + more;
        return Testing.Eventually.TrueAsync(
            $"{more} more answers",
            () => Answered >= target || FailuresSoFar.Count > 0,
            ct,
            TimeSpan.FromSeconds(60)
        );
    }

    public IReadOnlyList<string> FailuresSoFar
    {
        get
        {
            lock (failures)
                return [.. failures];
        }
    }

    /// <summary>Ends it; requests under way end first.</summary>
    public async Task<IReadOnlyList<string>> EndAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(clients);
        return FailuresSoFar;
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        stop.Dispose();
    }

    private async Task ClientAsync(int port, bool tls, string path, bool keeps)
    {
        RawConnection? connection = null;
        while (!stop.IsCancellationRequested)
        {
            var step = "connecting";
            try
            {
                connection ??= await RawConnection.OpenAsync(port, tls);
                step = "asking";
                var (status, closes) = await connection.AskAsync(path, keeps);
                if (status != 200)
                    Fail($"status {status}");
                else
                    Interlocked.Increment(ref answered);
                if (closes || !keeps)
                {
                    await connection.DisposeAsync();
                    connection = null;
                }
            }
            catch (Exception e)
                when (e is IOException or SocketException or System.Security.Authentication.AuthenticationException)
            {
                Fail($"{step}: {e.Message}");
                if (connection is not null)
                    await connection.DisposeAsync();
                connection = null;
            }
        }
        if (connection is not null)
            await connection.DisposeAsync();
    }

    private void Fail(string what)
    {
        lock (failures)
            failures.Add(what);
    }
}

/// <summary>HTTP/1.1 by hand, so that nothing is hidden.</summary>
internal sealed class RawConnection : IAsyncDisposable
{
    private readonly Stream stream;
    private readonly byte[] buffer = new byte[64 * 1024];

    private RawConnection(Stream stream) => this.stream = stream;

    public static async Task<RawConnection> OpenAsync(int port, bool tls = false, string address = "127.0.0.1")
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(address, port);
        var plain = new NetworkStream(socket, ownsSocket: true);
        if (!tls)
            return new RawConnection(plain);
        var secure = new SslStream(plain, leaveInnerStreamOpen: false, (_, _, _, _) => true);
        await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost" });
        return new RawConnection(secure);
    }

    public async Task SendAsync(string path, bool keeps = true, string headers = "") =>
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {(keeps ? "keep-alive" : "close")}\r\n{headers}\r\n"
            )
        );

    public async Task<(int Status, bool Closes)> AskAsync(string path, bool keeps)
    {
        await SendAsync(path, keeps);
        var (status, closes, _) = await ReadAsync();
        return (status, closes);
    }

    public async Task<(int Status, bool Closes, string Text)> ReadAsync()
    {
        var length = 0;
        while (true)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(length));
            if (read == 0)
                throw new IOException($"closed after {length} bytes of an answer");
            length += read;
            var text = Encoding.ASCII.GetString(buffer, 0, length);
            var head = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (head < 0)
                continue;
            var lines = text[..head].Split("\r\n");
            var size = lines
                .Where(l => l.StartsWith("content-length:", StringComparison.OrdinalIgnoreCase))
                .Select(l => int.Parse(l["content-length:".Length..], CultureInfo.InvariantCulture))
                .FirstOrDefault();
            if (length < head + 4 + size)
                continue;
            var closes = lines.Any(l => l.Equals("connection: close", StringComparison.OrdinalIgnoreCase));
            return (int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture), closes, text);
        }
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();
}
