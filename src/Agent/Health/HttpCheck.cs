using System.Net.Security;
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
    public static HttpClient CreateClient() =>
        new(
            new SocketsHttpHandler
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
                    RemoteCertificateValidationCallback = static (_, _, _, _) => true,
                },
#pragma warning restore CA5359
            }
        )
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };

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
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            return await JudgeAsync(response, either.Token);
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
            return ProbeResult.Failed($"no answer within {timeout.TotalSeconds:0.###} s");
        }
    }

    private async Task<ProbeResult> JudgeAsync(HttpResponseMessage response, CancellationToken ct)
    {
        var status = (int)response.StatusCode;
        if (!probe.Statuses.Any(s => s.Includes(status)))
            return ProbeResult.Failed($"HTTP {status} {response.ReasonPhrase}");
        if (probe.Contains is not { } wanted)
            return ProbeResult.Ok($"HTTP {status}");

        var body = new byte[MaxBody];
        await using var stream = await response.Content.ReadAsStreamAsync(ct);
        var read = await stream.ReadAtLeastAsync(body, MaxBody, throwOnEndOfStream: false, ct);
        return body.AsSpan(0, read).IndexOf(Encoding.UTF8.GetBytes(wanted)) >= 0
            ? ProbeResult.Ok($"HTTP {status}, body as expected")
            : ProbeResult.Failed($"HTTP {status}, but the body does not contain \"{wanted}\"");
    }
}
