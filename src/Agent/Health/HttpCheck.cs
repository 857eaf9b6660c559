using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Health;

/// <summary>Asks over HTTP: the status, and the body where the release says what it must contain.</summary>
internal sealed class HttpCheck(HttpProbe probe, string address, HttpClient http, TimeProvider clock) : IProbe
{
    // A page that never ends must not fill the agent's memory.
    private const int MaxBody = 64 * 1024;

    public string Kind => "http";

    public string Target => $"GET {probe.Scheme}://{address}:{probe.Port}{probe.Path}";

    /// <summary>Shared by all checks: no proxy, no redirects, no cookies, and no connection kept between checks.</summary>
    public static HttpClient CreateClient() => CreateClient(onCertificate: null);

    /// <summary>No proxy, no redirects, no cookies, and no connection kept.</summary>
    /// <param name="onCertificate">Told of the certificate that a server shows; null: nobody looks at it.</param>
    public static SocketsHttpHandler CreateHandler(Action<X509Certificate2>? onCertificate) =>
        new()
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.Zero,
            MaxResponseHeadersLength = 32,
            // The container's own certificate proves nothing about a peer on this machine's bridge.
#pragma warning disable CA5359
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                {
                    if (certificate is X509Certificate2 shown)
                        onCertificate?.Invoke(shown);
                    return true;
                },
            },
#pragma warning restore CA5359
        };

    private static HttpClient CreateClient(Action<X509Certificate2>? onCertificate) =>
        new(CreateHandler(onCertificate)) { Timeout = Timeout.InfiniteTimeSpan };

    public async Task<ProbeResult> CheckAsync(CancellationToken ct)
    {
        var timeout = probe.Timing.Timeout;
        using var deadline = new CancellationTokenSource(timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        try
        {
            using var request = new HttpRequestMessage(
                HttpMethod.Get,
                $"{probe.Scheme}://{address}:{probe.Port}{probe.Path}"
            );
            foreach (var (name, value) in probe.Headers)
                request.Headers.TryAddWithoutValidation(name, value);
            if (probe.CertificateValidFor is not { } validFor)
            {
                using var answer = await http.SendAsync(
                    request,
                    HttpCompletionOption.ResponseHeadersRead,
                    either.Token
                );
                return await JudgeAsync(answer, either.Token);
            }

            DateTimeOffset? goodUntil = null;
            // Of a connection of its own: the handler says nothing of which request it shook hands for.
            using var own = CreateClient(c => goodUntil = new DateTimeOffset(c.NotAfter));
            using var response = await own.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            var result = await JudgeAsync(response, either.Token);
            return result.Healthy && goodUntil is { } until && until - clock.GetUtcNow() < validFor
                ? ProbeResult.Failed($"the certificate is good until {until.UtcDateTime:yyyy-MM-dd HH:mm:ss'Z'} only")
                : result;
        }
        catch (HttpRequestException e)
        {
            return ProbeResult.Failed(e.InnerException?.Message ?? e.Message);
        }
        catch (IOException e)
        {
            return ProbeResult.Failed(e.Message);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return ProbeResult.Late($"no answer within {timeout.TotalSeconds:0.###} s");
        }
    }

    private async Task<ProbeResult> JudgeAsync(HttpResponseMessage response, CancellationToken ct)
    {
        var status = (int)response.StatusCode;
        if (!probe.Statuses.Any(s => s.Includes(status)))
            return ProbeResult.Failed($"HTTP {status} {response.ReasonPhrase}");
        foreach (var (name, text) in probe.ExpectedHeaders)
        {
            if (ValueOf(response, name) is not { } value)
                return ProbeResult.Failed($"HTTP {status}, but without the header {name}");
            if (!value.Contains(text, StringComparison.Ordinal))
                return ProbeResult.Failed($"HTTP {status}, but {name} is \"{value}\" and does not contain \"{text}\"");
        }
        if (probe.Contains is not { } wanted)
            return ProbeResult.Ok($"HTTP {status}");

        var body = new byte[MaxBody];
        await using var stream = await response.Content.ReadAsStreamAsync(ct);
        var read = await stream.ReadAtLeastAsync(body, MaxBody, throwOnEndOfStream: false, ct);
        return body.AsSpan(0, read).IndexOf(Encoding.UTF8.GetBytes(wanted)) >= 0
            ? ProbeResult.Ok($"HTTP {status}, body as expected")
            : ProbeResult.Failed($"HTTP {status}, but the body does not contain \"{wanted}\"");
    }

    // Some of the headers are those of the content, by the specification as .NET has it.
    private static string? ValueOf(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) || response.Content.Headers.TryGetValues(name, out values)
            ? string.Join(", ", values)
            : null;
}
