using System.Net.Sockets;
using Appliance.Agent.Storage;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Alerts;

/// <summary>
/// Listens for alerts on this machine while there is a token for them. A server of its own: what goes on here takes none of
/// the connections and limits of the socket that people use. A port that another process has does not keep the agent from
/// anything else.
/// </summary>
internal sealed class WebhookListener(
    WebhookEndpoint endpoint,
    WebhookTokens tokens,
    IOptions<AlertsOptions> options,
    EventLog events,
    IServiceProvider services,
    ILoggerFactory loggers,
    TimeProvider clock,
    ILogger<WebhookListener> log
) : BackgroundService
{
    /// <summary>How soon a port that was taken is tried again.</summary>
    public static readonly TimeSpan UntilNextTry = TimeSpan.FromSeconds(10);

    private const int MostConnections = 64;
    private static readonly TimeSpan ForHeaders = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ForOpenRequests = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Value.ToEndPoint() is null)
            return;
        KestrelServer? server = null;
        var wasTaken = false;
        try
        {
            while (true)
            {
                // Taken before reading: a token that comes between the read and the wait ends the wait at once.
                var changed = tokens.Changed;
                if (tokens.All.IsEmpty)
                {
                    await EndAsync(server);
                    server = null;
                }
                else if (server is null)
                {
                    server = await TryListenAsync(wasTaken, stoppingToken);
                    wasTaken = server is null;
                }
                await (wasTaken ? Task.Delay(UntilNextTry, clock, stoppingToken) : changed.WaitAsync(stoppingToken));
            }
        }
        finally
        {
            await EndAsync(server);
        }
    }

    private async Task<KestrelServer?> TryListenAsync(bool isTold, CancellationToken ct)
    {
        var server = Server();
        try
        {
            await server.StartAsync(new Application(endpoint.HandleAsync), ct);
            log.Listening(options.Value.Listen);
            return server;
        }
        // The first is a port that is taken; an address that is not there, or a port that is not allowed, is the second.
        catch (Exception e) when (e is IOException or SocketException)
        {
            server.Dispose();
            if (!isTold)
                events.Append(
                    new(
                        EventSeverity.Error,
                        "alerts.deaf",
                        null,
                        null,
                        $"Alerts cannot be received on {options.Value.Listen}: {e.Message.TrimEnd('.')}",
                        "tries again"
                    )
                );
            return null;
        }
    }

    private KestrelServer Server()
    {
        var kestrel = new KestrelServerOptions { ApplicationServices = services, AddServerHeader = false };
        kestrel.Limits.MaxConcurrentConnections = MostConnections;
        // The endpoint has its own limit; the server counts what frames the pieces of a body, too.
        kestrel.Limits.MaxRequestBodySize = 2 * WebhookMessage.MaxBytes;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        kestrel.Limits.RequestHeadersTimeout = ForHeaders;
        kestrel.Listen(options.Value.ToEndPoint()!, listen => listen.Protocols = HttpProtocols.Http1);
        return new KestrelServer(
            Options.Create(kestrel),
            new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers),
            loggers
        );
    }

    private static async Task EndAsync(KestrelServer? server)
    {
        if (server is null)
            return;
        using var deadline = new CancellationTokenSource(ForOpenRequests);
        await server.StopAsync(deadline.Token);
        server.Dispose();
    }

    /// <summary>A request is handed to the endpoint, and there is nothing else.</summary>
    private sealed class Application(RequestDelegate handle) : IHttpApplication<DefaultHttpContext>
    {
        public DefaultHttpContext CreateContext(IFeatureCollection contextFeatures) => new(contextFeatures);

        public Task ProcessRequestAsync(DefaultHttpContext context) => handle(context);

        public void DisposeContext(DefaultHttpContext context, Exception? exception) { }
    }
}
