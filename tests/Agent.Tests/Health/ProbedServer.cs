using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Appliance.Bundles.Compose;
using Grpc.HealthCheck;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Appliance.Agent.Tests.Health;

/// <summary>What a container may be: a real server on loopback, which answers as a test says.</summary>
internal sealed class ProbedServer : IAsyncDisposable
{
    public const string Address = "127.0.0.1";

    private readonly WebApplication app;

    private ProbedServer(RequestDelegate? answer, HttpProtocols protocols, X509Certificate2? certificate)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder
            .WebHost.UseKestrelCore()
            .UseKestrelHttpsConfiguration()
            .ConfigureKestrel(k =>
                k.Listen(
                    IPAddress.Loopback,
                    0,
                    l =>
                    {
                        l.Protocols = protocols;
                        if (certificate is not null)
                            l.UseHttps(certificate);
                    }
                )
            );
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(Health);
        builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.Zero);
        app = builder.Build();
        if (answer is not null)
        {
            app.Run(answer);
            return;
        }
        app.UseRouting();
        app.MapGrpcService<HealthServiceImpl>();
    }

    public HealthServiceImpl Health { get; } = new();

    public int Port { get; private set; }

    /// <summary>One that serves <c>grpc.health.v1.Health</c>.</summary>
    public static Task<ProbedServer> WithGrpcHealthAsync(X509Certificate2? certificate = null) =>
        StartAsync(null, HttpProtocols.Http2, certificate);

    /// <summary>One that answers HTTP requests.</summary>
    public static Task<ProbedServer> StartAsync(RequestDelegate answer, X509Certificate2? certificate = null) =>
        StartAsync(answer, certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2, certificate);

    /// <summary>One that speaks HTTP/2, and answers as is said.</summary>
    public static Task<ProbedServer> StartHttp2Async(RequestDelegate answer) =>
        StartAsync(answer, HttpProtocols.Http2, null);

    /// <summary>Good for so long from now on.</summary>
    public static X509Certificate2 CertificateFor(TimeSpan validity)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=probed", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddHours(-1), now + validity);
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pfx), null);
    }

    public GrpcProbe GrpcProbe(string? service = null, bool tls = false) => new(Port, service, tls, Timing);

    public HttpProbe HttpProbe(string scheme = "http") =>
        new(Port, "/", scheme, [new StatusRange(200, 399)], null, new Dictionary<string, string>(), Timing);

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private static ProbeTiming Timing { get; } = ProbeTiming.Default with { Timeout = TimeSpan.FromSeconds(5) };

    private static async Task<ProbedServer> StartAsync(
        RequestDelegate? answer,
        HttpProtocols protocols,
        X509Certificate2? certificate
    )
    {
        var server = new ProbedServer(answer, protocols, certificate);
        await server.app.StartAsync(TestContext.Current.CancellationToken);
        var addresses = server.app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!;
        server.Port = new Uri(addresses.Addresses.Single()).Port;
        return server;
    }
}
