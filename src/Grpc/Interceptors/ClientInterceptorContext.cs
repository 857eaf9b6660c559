namespace Grpc.Core.Interceptors;

/// <summary>A client's call as its interceptors see it.</summary>
/// <param name="method">The method called.</param>
/// <param name="host">The authority named by the call; null for the channel's.</param>
/// <param name="options">The call's options.</param>
public struct ClientInterceptorContext<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    string? host,
    CallOptions options
)
    where TRequest : class
    where TResponse : class
{
    /// <summary>The method called.</summary>
    public Method<TRequest, TResponse> Method { get; } = method;

    /// <summary>The authority named by the call; null for the channel's.</summary>
    public string? Host { get; } = host;

    /// <summary>The call's options.</summary>
    public CallOptions Options { get; } = options;
}
