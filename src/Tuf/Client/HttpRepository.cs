using System.Net;
using System.Runtime.CompilerServices;

namespace Appliance.Tuf;

/// <summary>
/// A repository on a web server. Goes nowhere but there: no proxy, no redirect. A server that stops sending is given up.
/// </summary>
public sealed class HttpRepository : IMetadataSource, ITargetSource, IDisposable
{
    private const int ChunkBytes = 64 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly HttpClient http;
    private readonly string metadataUrl;
    private readonly string? targetUrl;
    private readonly TimeProvider clock;

    /// <param name="metadataUrl">Taken as it is; a <c>/</c> is added to its end where there is none.</param>
    /// <param name="targetUrl">The same; null when no targets are fetched.</param>
    public HttpRepository(string metadataUrl, string? targetUrl, TimeProvider clock)
    {
        this.metadataUrl = Folder(metadataUrl);
        this.targetUrl = targetUrl is null ? null : Folder(targetUrl);
        this.clock = clock;
        http = new HttpClient(
            new SocketsHttpHandler
            {
                UseProxy = false,
                UseCookies = false,
                AllowAutoRedirect = false,
                ConnectTimeout = Patience,
            }
        )
        {
            // Each wait has its own limit: a large file over a slow line is no fault.
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public async Task<ReadOnlyMemory<byte>?> FetchAsync(string name, int maxBytes, CancellationToken cancellationToken)
    {
        using var deadline = new Deadline(Patience, clock, cancellationToken);
        return await ReachAsync(
            name,
            deadline,
            async () =>
            {
                using var response = await http.GetAsync(
                    new Uri(metadataUrl + name),
                    HttpCompletionOption.ResponseHeadersRead,
                    deadline.Token
                );
                // Some stores say "forbidden" of what is not there.
                if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Forbidden)
                    return (ReadOnlyMemory<byte>?)null;
                response.EnsureSuccessStatusCode();
                await using var body = await response.Content.ReadAsStreamAsync(deadline.Token);
                return await ReadAsync(name, body, maxBytes, deadline.Token);
            }
        );
    }

    public async IAsyncEnumerable<ReadOnlyMemory<byte>> FetchAsync(
        string path,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        using var deadline = new Deadline(Patience, clock, cancellationToken);
        var url = new Uri((targetUrl ?? throw new InvalidOperationException("no URL of targets was given")) + path);
        using var response = await ReachAsync(
            path,
            deadline,
            () => http.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, deadline.Token)
        );
        await using var body = await ReachAsync(
            path,
            deadline,
            () => response.EnsureSuccessStatusCode().Content.ReadAsStreamAsync(deadline.Token)
        );

        var chunk = new byte[ChunkBytes];
        while (await ReachAsync(path, deadline, () => body.ReadAsync(chunk, deadline.Token).AsTask()) is > 0 and var n)
        {
            yield return chunk.AsMemory(0, n);
            deadline.Extend();
        }
    }

    public void Dispose() => http.Dispose();

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(
        string name,
        Stream body,
        int maxBytes,
        CancellationToken cancellationToken
    )
    {
        using var bytes = new MemoryStream();
        var chunk = new byte[ChunkBytes];
        while (await body.ReadAsync(chunk, cancellationToken) is > 0 and var n)
        {
            bytes.Write(chunk, 0, n);
            if (bytes.Length > maxBytes)
                throw new TufException(TufFault.Malformed, name, $"has more than {maxBytes} bytes");
        }
        return bytes.ToArray();
    }

    private static async Task<T> ReachAsync<T>(string name, Deadline deadline, Func<Task<T>> reach)
    {
        try
        {
            return await reach();
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new TufException(TufFault.Unavailable, name, $"cannot be fetched: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (deadline.IsOver)
        {
            throw new TufException(
                TufFault.Unavailable,
                name,
                $"cannot be fetched: the server sent nothing within {Patience.TotalSeconds:0} seconds",
                e
            );
        }
    }

    private static string Folder(string url) => url.EndsWith('/') ? url : url + "/";

    private sealed class Deadline : IDisposable
    {
        private readonly TimeSpan patience;
        private readonly CancellationTokenSource time;
        private readonly CancellationTokenSource either;
        private readonly CancellationToken caller;

        public Deadline(TimeSpan patience, TimeProvider clock, CancellationToken caller)
        {
            (this.patience, this.caller) = (patience, caller);
            time = new(patience, clock);
            either = CancellationTokenSource.CreateLinkedTokenSource(caller, time.Token);
        }

        public CancellationToken Token => either.Token;

        public bool IsOver => time.IsCancellationRequested && !caller.IsCancellationRequested;

        public void Extend() => time.CancelAfter(patience);

        public void Dispose()
        {
            either.Dispose();
            time.Dispose();
        }
    }
}
