using Grpc.HealthCheck;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Control;

internal static class ControlServices
{
    /// <summary>
    /// No request is larger: names, numbers, a reason, or a piece of a bundle. Anyone may send one, so it bounds what anyone can make the
    /// agent hold.
    /// </summary>
    private const int MaxMessage = 64 * 1024;

    /// <summary>Calls at a time on one connection.</summary>
    private const int MaxCalls = 32;

    public static IServiceCollection AddControl(this IServiceCollection services)
    {
        services
            .AddOptionsWithValidateOnStart<ControlOptions, ControlOptionsValidator>()
            .BindConfiguration(ControlOptions.Section);
        services.AddRoutingCore();
        services.AddGrpc(o =>
        {
            o.MaxReceiveMessageSize = MaxMessage;
            o.Interceptors.Add<AuthorizationInterceptor>();
        });
        services.AddSingleton<IMemoryPoolFactory<byte>, TransportBlocks>();
        services.AddOptions<KestrelServerOptions>().Configure<IServiceProvider>(Listen);
        services.Configure<SocketTransportOptions>(o =>
            o.CreateBoundListenSocket = endpoint => ControlSocket.Bind(endpoint.ToString()!)
        );
        return services
            .AddSingleton(RoleGroups.Default)
            .AddSingleton<Callers>()
            .AddSingleton<DenialBudget>()
            .AddSingleton<PeerConnections>()
            .AddSingleton<AuthorizationInterceptor>()
            .AddSingleton<ContainerLogs>()
            .AddSingleton<StatusService>()
            .AddSingleton<ServicesService>()
            .AddSingleton<EventsService>()
            .AddSingleton<AuditService>()
            .AddSingleton<UpdatesService>()
            .AddSingleton<Rollouts>()
            .AddSingleton<MaintenanceService>()
            .AddSingleton<OperationsService>()
            .AddSingleton<CertificateService>()
            .AddSingleton<AlertsService>()
            .AddSingleton<DrillsService>()
            .AddSingleton<IdentityService>()
            .AddSingleton<HealthServiceImpl>()
            .AddHostedService<HealthReporter>();
    }

    public static void MapControl(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGrpcService<StatusService>();
        endpoints.MapGrpcService<ServicesService>();
        endpoints.MapGrpcService<EventsService>();
        endpoints.MapGrpcService<AuditService>();
        endpoints.MapGrpcService<UpdatesService>();
        endpoints.MapGrpcService<MaintenanceService>();
        endpoints.MapGrpcService<OperationsService>();
        endpoints.MapGrpcService<CertificateService>();
        endpoints.MapGrpcService<AlertsService>();
        endpoints.MapGrpcService<DrillsService>();
        endpoints.MapGrpcService<IdentityService>();
        endpoints.MapGrpcService<HealthServiceImpl>();
    }

    private static void Listen(KestrelServerOptions kestrel, IServiceProvider services)
    {
        var socket = services.GetRequiredService<IOptions<ControlOptions>>().Value.Socket;
        var peers = services.GetRequiredService<PeerConnections>();
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = PeerConnections.Server;
        kestrel.Limits.Http2.MaxStreamsPerConnection = MaxCalls;
        // A follower that reads slowly, or not at all for a while, is no attack: it holds back only itself.
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.ListenUnixSocket(
            socket,
            listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.Use(next => connection => peers.RunAsync(connection, next));
            }
        );
    }
}
