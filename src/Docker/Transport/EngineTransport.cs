using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Appliance.Docker;

/// <summary>HTTP/1.1 to the engine's socket: version, deadlines, and what a failure means.</summary>
internal sealed class EngineTransport : IDisposable
{
    private const string VersionHeader = "Api-Version";
    private const int MaxErrorBytes = 64 * 1024;

    // The host is never resolved: the socket is the address. The engine only wants the header to be there.
    private static readonly Uri Base = new("http://docker/");

    private readonly string socketPath;
    private readonly TimeProvider clock;
    private readonly HttpClient http;
    private EnginesVersion? engines;

    public EngineTransport(string socketPath, TimeProvider clock, DockerEngineOptions options)
    {
        this.socketPath = socketPath;
        this.clock = clock;
        Options = options;
        http = new(
            new SocketsHttpHandler
            {
                ConnectCallback = ConnectAsync,
                ConnectTimeout = options.ConnectTimeout,
                AllowAutoRedirect = false,
                UseCookies = false,
                UseProxy = false,
                ActivityHeadersPropagator = null,
                // An abandoned stream must end in the engine at once, not after we have read what nobody wants.
                MaxResponseDrainSize = 0,
            }
        )
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public DockerEngineOptions Options { get; }

    public TimeProvider Clock => clock;

    public void Dispose() => http.Dispose();

    public Task<T> GetAsync<T>(Query path, JsonTypeInfo<T> type, CancellationToken ct) =>
        AskAsync(HttpMethod.Get, path, body: null, Options.ReadTimeout, type, ct);

    public Task<T> PostAsync<T>(Query path, HttpContent? body, JsonTypeInfo<T> type, CancellationToken ct) =>
        AskAsync(HttpMethod.Post, path, body, Options.ChangeTimeout, type, ct);

    /// <summary>A change without an answer worth reading; false when the engine says that nothing changed (304).</summary>
    public async Task<bool> ChangeAsync(
        HttpMethod method,
        Query path,
        HttpContent? body,
        TimeSpan timeout,
        CancellationToken ct
    )
    {
        using var deadline = new Deadline(timeout, clock, ct);
        return await deadline.GuardAsync(async token =>
        {
            using var answer = await SendAsync(method, path, body, Options.MaxResponseBytes, token);
            // Reading to the end gives the connection back to the pool.
            await answer.CopyToAsync(Stream.Null, token);
            return answer.Response.StatusCode != HttpStatusCode.NotModified;
        });
    }

    public Task<bool> ChangeAsync(HttpMethod method, Query path, HttpContent? body, CancellationToken ct) =>
        ChangeAsync(method, path, body, Options.ChangeTimeout, ct);

    /// <summary>A stream: it must begin in time, and may then last for ever.</summary>
    public async Task<EngineStream> OpenAsync(
        HttpMethod method,
        Query path,
        HttpContent? body,
        TimeSpan begin,
        CancellationToken ct
    )
    {
        using var deadline = new Deadline(begin, clock, ct);
        return await deadline.GuardAsync(token => SendAsync(method, path, body, long.MaxValue, token));
    }

    public async Task<ApiVersion> VersionAsync(CancellationToken ct) => (await NegotiateAsync(ct)).Spoken;

    public static HttpContent Json<T>(T value, JsonTypeInfo<T> type) =>
        new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(value, type))
        {
            Headers = { ContentType = new MediaTypeHeaderValue("application/json") },
        };

    /// <summary>Asks the engine who it is, past any version; what it answers is what the next calls speak.</summary>
    public async Task<PingReply> PingAsync(CancellationToken ct)
    {
        using var deadline = new Deadline(Options.ReadTimeout, clock, ct);
        return await deadline.GuardAsync(async token =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Base, "_ping"));
            using var answer = await RoundTripAsync(request, MaxErrorBytes, token);
            Learn(answer.Response);
            if (!answer.Response.IsSuccessStatusCode)
                throw await RefusalAsync(answer, token);
            await answer.CopyToAsync(Stream.Null, token);
            if (engines is not { } known)
                throw new EngineProtocolException(
                    answer.Response.StatusCode,
                    "what listens on the socket names no API version: it is not a Docker Engine"
                );
            return new PingReply(known.Own, known.Spoken);
        });
    }

    public async Task<T> AskAsync<T>(
        HttpMethod method,
        Query path,
        HttpContent? body,
        TimeSpan timeout,
        JsonTypeInfo<T> type,
        CancellationToken ct
    )
    {
        using var deadline = new Deadline(timeout, clock, ct);
        return await deadline.GuardAsync(async token =>
        {
            using var answer = await SendAsync(method, path, body, Options.MaxResponseBytes, token);
            try
            {
                return await JsonSerializer.DeserializeAsync(answer, type, token)
                    ?? throw new EngineProtocolException(answer.Response.StatusCode, "the engine answered null");
            }
            catch (JsonException e)
            {
                throw new EngineProtocolException(
                    answer.Response.StatusCode,
                    $"the engine's answer to {method} {path} is not the JSON expected: {e.Message}",
                    e
                );
            }
        });
    }

    private async Task<EngineStream> SendAsync(
        HttpMethod method,
        Query path,
        HttpContent? body,
        long maxBytes,
        CancellationToken ct
    )
    {
        var relative = path.ToString();
        var version = await NegotiateAsync(ct);
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(method, new Uri(Base, $"v{version.Spoken}{relative}"));
            request.Content = body;
            // An archive is sent only after the engine has begun to read it: a refusal then costs nothing.
            request.Headers.ExpectContinue = body is ArchiveContent ? true : null;
            var answer = await RoundTripAsync(request, maxBytes, ct);
            Learn(answer.Response);
            if (answer.Response.IsSuccessStatusCode || answer.Response.StatusCode == HttpStatusCode.NotModified)
                return answer;

            using (answer)
            {
                // Another engine is behind the socket than the one we negotiated with: it refused the version before
                // looking at the rest, so asking again in its version repeats nothing.
                var other = await NegotiateAsync(ct);
                var refused = answer.Response.StatusCode == HttpStatusCode.BadRequest;
                if (refused && attempt == 1 && other.Spoken != version.Spoken && body is not ArchiveContent)
                {
                    version = other;
                    // Disposing the request would dispose what is to be sent again.
                    request.Content = null;
                    continue;
                }
                throw await RefusalAsync(answer, ct);
            }
        }
    }

    private async Task<EngineStream> RoundTripAsync(HttpRequestMessage request, long maxBytes, CancellationToken ct)
    {
        try
        {
            var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
            return new(response, await response.Content.ReadAsStreamAsync(ct), maxBytes);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            ct.ThrowIfCancellationRequested();
            // What comes back may be another engine.
            engines = null;
            throw new EngineUnavailableException($"no Docker Engine on {socketPath}: {e.Message}", e);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new EngineUnavailableException($"no Docker Engine on {socketPath}: it accepts no connection", e);
        }
    }

    private async Task<EnginesVersion> NegotiateAsync(CancellationToken ct)
    {
        if (engines is null)
            await PingAsync(ct);
        var known = engines ?? throw new EngineUnavailableException($"the engine on {socketPath} is going away");
        if (known.Own < ApiVersion.Oldest)
            throw new EngineProtocolException(
                HttpStatusCode.OK,
                $"the engine speaks API {known.Own}; {ApiVersion.Oldest} is the oldest supported (Engine 20.10)"
            );
        return known;
    }

    // Every answer of an engine names its version, so that a changed engine is noticed without asking.
    private void Learn(HttpResponseMessage response)
    {
        if (
            response.Headers.TryGetValues(VersionHeader, out var values)
            && ApiVersion.TryParse(values.First(), out var own)
            && engines?.Own != own
        )
            engines = new(own, own < ApiVersion.Newest ? own : ApiVersion.Newest);
    }

    private static async Task<DockerEngineException> RefusalAsync(EngineStream answer, CancellationToken ct)
    {
        var status = answer.Response.StatusCode;
        var message = await ReadMessageAsync(answer, ct);
        return status switch
        {
            HttpStatusCode.NotFound => new EngineNotFoundException(message),
            HttpStatusCode.Conflict => new EngineConflictException(message),
            _ => new DockerEngineException(status, message),
        };
    }

    private static async Task<string> ReadMessageAsync(EngineStream answer, CancellationToken ct)
    {
        var buffer = new byte[MaxErrorBytes];
        var length = await answer.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, ct);
        try
        {
            var error = JsonSerializer.Deserialize(buffer.AsSpan(0, length), ApiJson.Default.ErrorReply);
            if (!string.IsNullOrWhiteSpace(error?.Message))
                return error.Message;
        }
        catch (JsonException)
        {
            // A proxy or a very old engine answers in plain text; the status is then all there is.
        }
        return $"the engine answered {(int)answer.Response.StatusCode} {answer.Response.ReasonPhrase}";
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private sealed record EnginesVersion(ApiVersion Own, ApiVersion Spoken);
}
