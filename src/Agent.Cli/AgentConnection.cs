using System.Net.Sockets;
using Appliance.V1;
using Grpc.Net.Client;

namespace Appliance.Cli;

/// <summary>The agent behind its unix socket. Remembers how connecting went, which a gRPC status does not tell.</summary>
internal sealed class AgentConnection : IDisposable
{
    private readonly UnixDomainSocketEndPoint endpoint;
    private readonly GrpcChannel channel;

    /// <exception cref="SocketPathException">The path cannot be a socket's.</exception>
    public AgentConnection(string socketPath)
    {
        try
        {
            endpoint = new UnixDomainSocketEndPoint(socketPath);
        }
        catch (ArgumentException e)
        {
            throw new SocketPathException(socketPath, e);
        }

        // What a unix socket never needs is off: each feature left on loads more code before the first byte.
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = (_, cancellationToken) => ConnectAsync(cancellationToken),
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
        };
        // The host name never leaves this process' connection, but HTTP/2 wants an authority.
        channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = handler });
    }

    public StatusService.StatusServiceClient Status => new(channel);

    public ServicesService.ServicesServiceClient Services => new(channel);

    public EventsService.EventsServiceClient Events => new(channel);

    public AuditService.AuditServiceClient Audit => new(channel);

    public UpdatesService.UpdatesServiceClient Updates => new(channel);

    public OperationsService.OperationsServiceClient Operations => new(channel);

    public MaintenanceService.MaintenanceServiceClient Maintenance => new(channel);

    public CertificateService.CertificateServiceClient Certificate => new(channel);

    public AlertsService.AlertsServiceClient Alerts => new(channel);

    public DrillsService.DrillsServiceClient Drills => new(channel);

    public IdentityService.IdentityServiceClient Identity => new(channel);

    /// <summary>Why the last attempt to connect failed; null after one that did not.</summary>
    public SocketException? ConnectFailure { get; private set; }

    /// <summary>Whether an agent has ever answered on this socket.</summary>
    public bool EverConnected { get; private set; }

    public void Dispose() => channel.Dispose();

    private async ValueTask<Stream> ConnectAsync(CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(endpoint, cancellationToken);
            ConnectFailure = null;
            EverConnected = true;
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception e)
        {
            ConnectFailure = e as SocketException;
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>The path given for the agent's socket cannot be one, as when it is longer than 107 bytes.</summary>
internal sealed class SocketPathException(string path, Exception inner)
    : Exception($"'{path}' cannot be a socket's path", inner);
