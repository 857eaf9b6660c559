namespace Grpc.AspNetCore.Server;

/// <summary>Options of every service, or through <see cref="GrpcServiceOptions{TService}"/> of one.</summary>
public class GrpcServiceOptions
{
    internal const int DefaultMaxReceiveMessageSize = 4 * 1024 * 1024;

    /// <summary>
    /// The largest request message in bytes; more ends the call with RESOURCE_EXHAUSTED before memory is taken for it.
    /// 4 MiB unless set; null for no limit.
    /// </summary>
    public int? MaxReceiveMessageSize { get; set; } = DefaultMaxReceiveMessageSize;

    /// <summary>The largest response message in bytes; null, the default, for no limit.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>Whether clients are told what an unexpected exception says. Off unless set.</summary>
    public bool? EnableDetailedErrors { get; set; }

    /// <summary>
    /// Whether calls of unknown services and methods are left to the rest of the application instead of being answered
    /// with UNIMPLEMENTED. Off unless set; read when the first service is mapped.
    /// </summary>
    public bool? IgnoreUnknownServices { get; set; }

    /// <summary>The steps before each handler; the first one added sees a call first.</summary>
    public InterceptorCollection Interceptors { get; } = [];
}

/// <summary>Options of one service; they start as a copy of those of every service.</summary>
/// <typeparam name="TService">The service.</typeparam>
public class GrpcServiceOptions<TService> : GrpcServiceOptions
    where TService : class;
