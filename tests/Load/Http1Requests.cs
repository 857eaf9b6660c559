using System.Collections.Concurrent;
using System.Text;

namespace Appliance.Load;

/// <summary>The requests over HTTP/1.1, and the connections that are kept alive for them.</summary>
internal sealed class Http1Requests(LoadOptions options, Server server, Recorder recorder, TimeProvider clock)
    : IDisposable
{
    // First in, first out: all of them are used, and each rests for as long as it does with a real client.
    private readonly ConcurrentQueue<Http1Connection> resting = new();
    private int open;

    public async Task<Outcome> SendAsync(Request request, CancellationToken ct)
    {
        string? version = null;
        try
        {
            var connection = await TakeAsync(request.KeepAlive, ct);
            var rests = false;
            try
            {
                var answer = await connection.ExchangeAsync(Bytes(request), request.Limit, ct);
                version = answer.Version;
                rests = request.KeepAlive && answer.KeepAlive;
                return Judge(answer, request);
            }
            finally
            {
                Return(connection, request.KeepAlive, rests);
            }
        }
        catch (RequestFailedException e)
        {
            return new(version, e.Kind, e.Message);
        }
    }

    public void Dispose()
    {
        while (resting.TryDequeue(out var connection))
            connection.Dispose();
    }

    private static Outcome Judge(Answer answer, Request request)
    {
        if (answer.Status != 200)
            return new(answer.Version, FailureKind.Status, $"{answer.Status}");
        return answer.Body.Span.SequenceEqual(request.Expected)
            ? new(answer.Version)
            : new(
                answer.Version,
                FailureKind.WrongBody,
                $"'{Http1Connection.Shown(answer.Body.Span)}', expected '{Http1Connection.Shown(request.Expected)}'"
            );
    }

    private async ValueTask<Http1Connection> TakeAsync(bool keptAlive, CancellationToken ct)
    {
        if (!keptAlive)
            return await Http1Connection.OpenAsync(server, options.Timeout, clock, ct);
        // The pool is filled first, and then gone through.
        while (Volatile.Read(ref open) >= options.Connections && resting.TryDequeue(out var connection))
        {
            if (connection.IsFresh)
                return connection;
            Interlocked.Decrement(ref open);
            connection.Dispose();
            recorder.ClosedIdle();
        }
        Interlocked.Increment(ref open);
        try
        {
            return await Http1Connection.OpenAsync(server, options.Timeout, clock, ct);
        }
        catch
        {
            Interlocked.Decrement(ref open);
            throw;
        }
    }

    private void Return(Http1Connection connection, bool ofPool, bool rests)
    {
        if (rests && Volatile.Read(ref open) <= options.Connections && connection.TryRest())
        {
            resting.Enqueue(connection);
            return;
        }
        connection.Dispose();
        if (ofPool)
            Interlocked.Decrement(ref open);
    }

    private byte[] Bytes(Request request) =>
        request.Body is { } body
            ? [.. Encoding.ASCII.GetBytes(Head(request, $"Content-Length: {body.Length}\r\n")), .. body]
            : Encoding.ASCII.GetBytes(Head(request, ""));

    private string Head(Request request, string more) =>
        $"{(request.Body is null ? "GET" : "POST")} {server.Path(request.Path)} HTTP/1.1\r\nHost: {server.Host}\r\n"
        + $"{more}{(request.KeepAlive ? "" : "Connection: close\r\n")}\r\n";
}

/// <summary>A request and the body of its only right answer.</summary>
internal sealed record Request(string Path, byte[]? Body, byte[] Expected, bool KeepAlive, TimeSpan Limit);
