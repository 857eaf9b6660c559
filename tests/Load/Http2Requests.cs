using System.Net;
using System.Net.Security;

namespace Appliance.Load;

/// <summary>
/// The requests over HTTP/2, by HttpClient: what a server says that it has not begun (GOAWAY, REFUSED_STREAM) is sent
/// again, as the protocol has it, and is no failure.
/// </summary>
internal sealed class Http2Requests : IDisposable
{
    private readonly Server server;
    private readonly TimeProvider clock;
    private readonly HttpMessageInvoker client;

    public Http2Requests(LoadOptions options, Server server, Recorder recorder, TimeProvider clock)
    {
        this.server = server;
        this.clock = clock;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ConnectTimeout = options.Timeout,
            EnableMultipleHttp2Connections = true,
            SslOptions = new SslClientAuthenticationOptions
            {
                TargetHost = server.Tls?.TargetHost,
                RemoteCertificateValidationCallback = (_, certificate, _, _) => Server.Look(certificate, recorder),
            },
        };
        client = new(handler);
    }

    public async Task<Outcome> SendAsync(Request request, CancellationToken ct)
    {
        using var deadline = new CancellationTokenSource(request.Limit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        string? version = null;
        try
        {
            using var message = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Base, server.Path(request.Path)))
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Headers = { Host = server.Host },
            };
            using var response = await client.SendAsync(message, either.Token);
            version = response.Headers.TryGetValues("X-App-Version", out var values) ? values.First() : null;
            var body = await response.Content.ReadAsByteArrayAsync(either.Token);
            if (response.StatusCode != HttpStatusCode.OK)
                return new(version, FailureKind.Status, $"{(int)response.StatusCode}");
            return body.AsSpan().SequenceEqual(request.Expected)
                ? new(version)
                : new(version, FailureKind.WrongBody, $"'{Http1Connection.Shown(body)}'");
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            return new(version, FailureKind.TimedOut, $"no answer within {request.Limit.TotalSeconds:0.#} s");
        }
        catch (Exception e) when (Failures.Of(e) is { } failure)
        {
            return new(version, failure, e.Message);
        }
    }

    public void Dispose() => client.Dispose();
}
