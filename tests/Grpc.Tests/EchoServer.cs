using System.Net;
using System.Net.Sockets;
using Grpc.AspNetCore.Server;
using Grpc.HealthCheck;
using Grpc.Net.Client;
using Grpc.Tests.Echo;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Grpc.Tests;

/// <summary>Kestrel with the echo and health services, on a unix socket and on a loopback port.</summary>
internal sealed class EchoServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly string socket;
    private readonly List<IDisposable> clients = [];

    private EchoServer(WebApplication app, string socket)
    {
        this.app = app;
        this.socket = socket;
    }

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The loopback address, for clients that are not ours.</summary>
    public Uri Address => new(app.Urls.First(url => url.StartsWith("http://127", StringComparison.Ordinal)));

    public HealthServiceImpl Health => app.Services.GetRequiredService<HealthServiceImpl>();

    public static async Task<EchoServer> StartAsync(
        Behaviour? behaviour = null,
        Action<GrpcServiceOptions>? options = null,
        Action<IServiceCollection>? services = null
    )
    {
        var path = Path.Combine(Path.GetTempPath(), $"grpc-{Guid.NewGuid():N}.sock");
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http2);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddGrpc(options ?? (_ => { }));
        builder.Services.AddSingleton(behaviour ?? new Behaviour());
        builder.Services.AddSingleton<HealthServiceImpl>();
        services?.Invoke(builder.Services);
        var built = builder.Build();
        built.MapGrpcService<EchoService>();
        built.MapGrpcService<HealthServiceImpl>();
        await built.StartAsync(Cancel);
        return new(built, path);
    }

    public Echoes.EchoesClient OverSocket(Action<GrpcChannelOptions>? configure = null) =>
        new(ChannelOverSocket(configure));

    public Echoes.EchoesClient OverLoopback(Action<GrpcChannelOptions>? configure = null)
    {
        var options = new GrpcChannelOptions();
        configure?.Invoke(options);
        return new(Keep(GrpcChannel.ForAddress(Address, options)));
    }

    public GrpcChannel ChannelOverSocket(Action<GrpcChannelOptions>? configure = null)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancel);
                return new NetworkStream(connection, ownsSocket: true);
            },
        };
        var options = new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true };
        configure?.Invoke(options);
        return Keep(GrpcChannel.ForAddress("http://localhost", options));
    }

    /// <summary>The platform's own HTTP/2 client, to judge what is on the wire.</summary>
    public HttpClient RawClient() =>
        Keep(
            new HttpClient
            {
                BaseAddress = Address,
                DefaultRequestVersion = HttpVersion.Version20,
                DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            }
        );

    public Task StopAsync() => app.StopAsync(Cancel);

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients)
            client.Dispose();
        await app.DisposeAsync();
        File.Delete(socket);
    }

    private T Keep<T>(T client)
        where T : IDisposable
    {
        clients.Add(client);
        return client;
    }
}
