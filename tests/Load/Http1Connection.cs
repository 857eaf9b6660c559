using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Appliance.Load;

/// <summary>
/// A connection that speaks HTTP/1.1, one request at a time. HttpClient would be simpler and hides what is looked for: it
/// quietly sends a request again when its connection was closed, and does not say whether that was by FIN or by RST.
/// </summary>
internal sealed class Http1Connection : IDisposable
{
    private readonly Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly ITimer deadline;
    private readonly ArrayBufferWriter<byte> body = new(256);
    private readonly byte[] buffer = new byte[8192];
    private Stream stream = Stream.Null;
    private Task<int>? ahead;
    private int start;
    private int end;
    private volatile bool timedOut;
    private bool used;
    private string? version;

    private Http1Connection(TimeProvider clock)
    {
        // A deadline closes the socket, which ends whatever waits on it: cheaper than a token for each wait.
        deadline = clock.CreateTimer(_ => Expire(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether the server has left it open, and said nothing that it was not asked.</summary>
    public bool IsFresh => ahead is { IsCompleted: false };

    /// <summary>Connects.</summary>
    /// <exception cref="RequestFailedException">It could not.</exception>
    public static async Task<Http1Connection> OpenAsync(
        Server server,
        TimeSpan limit,
        TimeProvider clock,
        CancellationToken ct
    )
    {
        var connection = new Http1Connection(clock);
        try
        {
            connection.Within(limit);
            await connection.socket.ConnectAsync(server.Address, ct);
            connection.stream = new NetworkStream(connection.socket, ownsSocket: true);
            if (server.Tls is { } tls)
            {
                var secure = new SslStream(connection.stream);
                connection.stream = secure;
                await secure.AuthenticateAsClientAsync(tls, ct);
            }
            return connection;
        }
        catch (Exception e) when (FailureOf(e, connection) is { } failure)
        {
            connection.Dispose();
            throw new RequestFailedException(failure, $"while connecting: {e.Message}", e);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Sends a request and reads its answer to the end.</summary>
    /// <exception cref="RequestFailedException">There was no whole answer.</exception>
    public async Task<Answer> ExchangeAsync(ReadOnlyMemory<byte> request, TimeSpan limit, CancellationToken ct)
    {
        var where = "before the answer";
        try
        {
            Within(limit);
            await stream.WriteAsync(request, ct);
            if (!await FillAsync(ct))
                throw new RequestFailedException(
                    FailureKind.Unanswered,
                    used ? "closed on a connection that was kept alive" : "closed on a new connection"
                );
            where = "within the answer";
            var head = await ReadHeadAsync(ct);
            // A status of 1xx is followed by the answer proper.
            while (head.Status < 200)
                head = await ReadHeadAsync(ct);
            body.ResetWrittenCount();
            if (head.Chunked)
                await ReadChunksAsync(ct);
            else if (head.Length is { } length)
                await ReadBodyAsync(length, ct);
            else
                await ReadToEndAsync(ct);
            var keepAlive = !head.Close && (head.Chunked || head.Length is not null);
            return new(head.Status, version, keepAlive, body.WrittenMemory);
        }
        catch (Exception e) when (FailureOf(e, this) is { } failure)
        {
            throw new RequestFailedException(failure, $"{where}: {e.Message}", e);
        }
    }

    /// <summary>Lets it wait for the next request: whether the server closes it meanwhile is noticed.</summary>
    /// <returns>False when there is something unread: an answer to nobody.</returns>
    public bool TryRest()
    {
        if (start != end)
            return false;
        deadline.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        used = true;
        start = end = 0;
        ahead = stream.ReadAsync(buffer, CancellationToken.None).AsTask();
        return true;
    }

    public void Dispose()
    {
        deadline.Dispose();
        stream.Dispose();
        socket.Dispose();
        // Ended by the above, in whatever way, and looked at by nobody.
        _ = ahead?.ContinueWith(
            t => t.Exception,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously | TaskContinuationOptions.OnlyOnFaulted,
            TaskScheduler.Default
        );
    }

    private static FailureKind? FailureOf(Exception e, Http1Connection connection) =>
        connection.timedOut
        && e is IOException or SocketException or ObjectDisposedException or OperationCanceledException
            ? FailureKind.TimedOut
            : Failures.Of(e);

    private void Within(TimeSpan limit) => deadline.Change(limit, Timeout.InfiniteTimeSpan);

    private void Expire()
    {
        timedOut = true;
        socket.Dispose();
    }

    /// <summary>False when the other end has closed.</summary>
    private async ValueTask<bool> FillAsync(CancellationToken ct)
    {
        int read;
        if (ahead is { } reading)
        {
            ahead = null;
            read = await reading;
        }
        else
        {
            if (start == end)
                start = end = 0;
            if (end == buffer.Length)
                throw new RequestFailedException(FailureKind.Malformed, "a head or a line without end");
            read = await stream.ReadAsync(buffer.AsMemory(end), ct);
        }
        end += read;
        return read > 0;
    }

    private async ValueTask FillOrFailAsync(CancellationToken ct)
    {
        if (!await FillAsync(ct))
            throw new RequestFailedException(FailureKind.Truncated, "closed within the answer");
    }

    private async ValueTask<Head> ReadHeadAsync(CancellationToken ct)
    {
        int length;
        while ((length = buffer.AsSpan(start, end - start).IndexOf("\r\n\r\n"u8)) < 0)
            await FillOrFailAsync(ct);
        var head = Parse(buffer.AsSpan(start, length + 2));
        start += length + 4;
        return head;
    }

    private Head Parse(ReadOnlySpan<byte> lines)
    {
        version = null;
        var line = NextLine(ref lines);
        if (
            !line.StartsWith("HTTP/1."u8)
            || line.Length < 12
            || !Utf8Parser.TryParse(line.Slice(9, 3), out int status, out var digits)
            || digits != 3
        )
            throw new RequestFailedException(FailureKind.Malformed, $"not a status line: {Shown(line)}");

        var head = new Head(status, Length: status is 204 or 304 ? 0 : null, Chunked: false, Close: false);
        while (!lines.IsEmpty)
        {
            line = NextLine(ref lines);
            var colon = line.IndexOf((byte)':');
            if (colon < 0)
                throw new RequestFailedException(FailureKind.Malformed, $"not a header: {Shown(line)}");
            var name = line[..colon];
            var value = line[(colon + 1)..].Trim((byte)' ');
            if (Ascii.EqualsIgnoreCase(name, "content-length"u8))
            {
                if (!Utf8Parser.TryParse(value, out long length, out var read) || read != value.Length || length < 0)
                    throw new RequestFailedException(FailureKind.Malformed, $"not a length: {Shown(value)}");
                head = head with { Length = length };
            }
            else if (Ascii.EqualsIgnoreCase(name, "transfer-encoding"u8))
                head = head with { Chunked = Ascii.EqualsIgnoreCase(value, "chunked"u8) };
            else if (Ascii.EqualsIgnoreCase(name, "connection"u8))
                head = head with { Close = Ascii.EqualsIgnoreCase(value, "close"u8) };
            else if (Ascii.EqualsIgnoreCase(name, "x-app-version"u8))
                version = Encoding.ASCII.GetString(value);
        }
        return head;
    }

    private static ReadOnlySpan<byte> NextLine(ref ReadOnlySpan<byte> lines)
    {
        var length = lines.IndexOf("\r\n"u8);
        var line = lines[..length];
        lines = lines[(length + 2)..];
        return line;
    }

    private async ValueTask ReadBodyAsync(long length, CancellationToken ct)
    {
        while (length > 0)
        {
            if (start == end)
                await FillOrFailAsync(ct);
            var take = (int)Math.Min(length, end - start);
            body.Write(buffer.AsSpan(start, take));
            start += take;
            length -= take;
        }
    }

    private async ValueTask ReadChunksAsync(CancellationToken ct)
    {
        while (true)
        {
            var line = await ReadLineAsync(ct);
            if (!long.TryParse(line.Split(';')[0], NumberStyles.AllowHexSpecifier, null, out var length))
                throw new RequestFailedException(FailureKind.Malformed, $"not a chunk: {line}");
            if (length == 0)
                break;
            await ReadBodyAsync(length, ct);
            await ReadLineAsync(ct);
        }
        while ((await ReadLineAsync(ct)).Length > 0) { }
    }

    private async ValueTask<string> ReadLineAsync(CancellationToken ct)
    {
        int length;
        while ((length = buffer.AsSpan(start, end - start).IndexOf("\r\n"u8)) < 0)
        {
            // A line may lie across the end of the buffer.
            buffer.AsSpan(start, end - start).CopyTo(buffer);
            (start, end) = (0, end - start);
            await FillOrFailAsync(ct);
        }
        var line = Encoding.ASCII.GetString(buffer, start, length);
        start += length + 2;
        return line;
    }

    private async ValueTask ReadToEndAsync(CancellationToken ct)
    {
        do
        {
            body.Write(buffer.AsSpan(start, end - start));
            start = end;
        } while (await FillAsync(ct));
    }

    internal static string Shown(ReadOnlySpan<byte> bytes) =>
        Encoding.ASCII.GetString(bytes[..Math.Min(bytes.Length, 60)]).ReplaceLineEndings(" ");

    private readonly record struct Head(int Status, long? Length, bool Chunked, bool Close);
}

/// <summary>An answer; its body is valid until the connection's next request.</summary>
internal readonly record struct Answer(int Status, string? Version, bool KeepAlive, ReadOnlyMemory<byte> Body);

/// <summary>There was no whole answer.</summary>
internal sealed class RequestFailedException(FailureKind kind, string message, Exception? cause = null)
    : Exception(message, cause)
{
    public FailureKind Kind => kind;
}
