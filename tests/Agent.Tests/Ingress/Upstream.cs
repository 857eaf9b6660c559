using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Appliance.Agent.Tests.Ingress;

/// <summary>
/// What stands for a container: a real server on an address of its own. It says its name and what it was asked, and waits
/// with requests for <c>/slow</c> until it is told.
/// </summary>
internal sealed class Upstream : IAsyncDisposable
{
    private static readonly HashSet<int> s_ports = [];
    private static int s_addresses;

    private readonly WebApplication app;
    private readonly TaskCompletionSource release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int seen;
    private int slow;

    private Upstream(string name, string address, int port, HttpProtocols protocols, bool tls)
    {
        (Name, Address, Port) = (name, address, port);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder
            .WebHost.UseKestrelCore()
            .UseKestrelHttpsConfiguration()
            .ConfigureKestrel(k =>
                k.Listen(
                    IPAddress.Parse(address),
                    port,
                    l =>
                    {
                        l.Protocols = protocols;
                        if (tls)
                            l.UseHttps(Certificate());
                    }
                )
            );
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.Zero);
        app = builder.Build();
        app.UseWebSockets();
        app.Run(AnswerAsync);
    }

    public string Name { get; }

    public string Address { get; }

    public int Port { get; }

    /// <summary>Requests so far.</summary>
    public int Seen => Volatile.Read(ref seen);

    /// <summary>Requests that wait.</summary>
    public int Slow => Volatile.Read(ref slow);

    public static async Task<Upstream> StartAsync(
        string name,
        int port,
        HttpProtocols protocols = HttpProtocols.Http1,
        bool tls = false
    )
    {
        var upstream = new Upstream(name, FreeAddress(), port, protocols, tls);
        await upstream.app.StartAsync(TestContext.Current.CancellationToken);
        return upstream;
    }

    /// <summary>As supervision would publish it.</summary>
    public PublishedServer Server(
        bool ready = true,
        string? leaving = null,
        ServerRole role = ServerRole.Current,
        string? id = null
    ) => new(id ?? $"id-{Name}", Name, Address, role, ready, leaving);

    /// <summary>Lets what waits be answered.</summary>
    public void Release() => release.TrySetResult();

    /// <summary>Ends it as <c>kill -9</c> does: what is under way is cut off.</summary>
    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
        release.TrySetResult();
    }

    /// <summary>One on loopback that no other test has.</summary>
    public static string FreeAddress()
    {
        var n = Interlocked.Increment(ref s_addresses);
        return $"127.{100 + (Environment.ProcessId % 100)}.{n / 250}.{(n % 250) + 1}";
    }

    /// <summary>One that nobody has now, and that no other test was given: the kernel may offer the same one again.</summary>
    public static int FreePort()
    {
        while (true)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
            lock (s_ports)
            {
                if (s_ports.Add(port))
                    return port;
            }
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref seen);
        var path = context.Request.Path.Value ?? "";
        if (context.WebSockets.IsWebSocketRequest)
        {
            await EchoAsync(await context.WebSockets.AcceptWebSocketAsync(), context.RequestAborted);
            return;
        }
        if (path.StartsWith("/slow", StringComparison.Ordinal))
        {
            Interlocked.Increment(ref slow);
            await release.Task.WaitAsync(context.RequestAborted);
            Interlocked.Decrement(ref slow);
        }
        if (path.StartsWith("/status/", StringComparison.Ordinal))
            context.Response.StatusCode = int.Parse(path["/status/".Length..], CultureInfo.InvariantCulture);
        if (path.StartsWith("/trailers", StringComparison.Ordinal) && context.Response.SupportsTrailers())
        {
            context.Response.DeclareTrailer("grpc-status");
            await context.Response.StartAsync();
            // Each message before the next is asked for, as a stream in both directions has it.
            var buffer = new byte[1024];
            while (await context.Request.Body.ReadAsync(buffer) is var read and > 0)
            {
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, read));
                await context.Response.Body.FlushAsync();
            }
            context.Response.AppendTrailer("grpc-status", "0");
            return;
        }
        var text =
            $"{Name}\n{context.Request.Method} {path}\n"
            + string.Concat(context.Request.Headers.Select(h => $"{h.Key.ToLowerInvariant()}: {h.Value}\n"));
        context.Response.ContentLength = System.Text.Encoding.UTF8.GetByteCount(text);
        await context.Response.WriteAsync(text);
    }

    private static async Task EchoAsync(WebSocket socket, CancellationToken ct)
    {
        var buffer = new byte[4096];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer, ct);
            if (received.MessageType is WebSocketMessageType.Close)
            {
                await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, ct);
                return;
            }
            await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, ct);
        }
    }

    private static X509Certificate2 Certificate()
    {
        var pem = CertificatePem.SelfSigned("upstream", TimeProvider.System.GetUtcNow()).Text;
        using var read = X509Certificate2.CreateFromPem(pem, pem);
        return X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pfx), null);
    }
}
