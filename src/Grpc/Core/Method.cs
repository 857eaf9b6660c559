namespace Grpc.Core;

/// <summary>The four kinds of call.</summary>
public enum MethodType
{
    /// <summary>One request, one response.</summary>
    Unary,

    /// <summary>Many requests, one response.</summary>
    ClientStreaming,

    /// <summary>One request, many responses.</summary>
    ServerStreaming,

    /// <summary>Many requests, many responses, each side at its own pace.</summary>
    DuplexStreaming,
}

/// <summary>A method's name and kind, without its message types.</summary>
public interface IMethod
{
    /// <summary>The kind of call.</summary>
    MethodType Type { get; }

    /// <summary>The service's full name, as <c>package.Service</c>.</summary>
    string ServiceName { get; }

    /// <summary>The method's name inside its service.</summary>
    string Name { get; }

    /// <summary>The request path, <c>/package.Service/Method</c>.</summary>
    string FullName { get; }
}

/// <summary>A remote method: how it is called and how its messages become bytes.</summary>
/// <param name="type">The kind of call.</param>
/// <param name="serviceName">The service's full name.</param>
/// <param name="name">The method's name.</param>
/// <param name="requestMarshaller">Request to bytes and back.</param>
/// <param name="responseMarshaller">Response to bytes and back.</param>
public class Method<TRequest, TResponse>(
    MethodType type,
    string serviceName,
    string name,
    Marshaller<TRequest> requestMarshaller,
    Marshaller<TResponse> responseMarshaller
) : IMethod
{
    /// <inheritdoc/>
    public MethodType Type { get; } = type;

    /// <inheritdoc/>
    public string ServiceName { get; } = serviceName ?? throw new ArgumentNullException(nameof(serviceName));

    /// <inheritdoc/>
    public string Name { get; } = name ?? throw new ArgumentNullException(nameof(name));

    /// <inheritdoc/>
    public string FullName { get; } = "/" + serviceName + "/" + name;

    /// <summary>Turns requests into bytes and back.</summary>
    public Marshaller<TRequest> RequestMarshaller { get; } =
        requestMarshaller ?? throw new ArgumentNullException(nameof(requestMarshaller));

    /// <summary>Turns responses into bytes and back.</summary>
    public Marshaller<TResponse> ResponseMarshaller { get; } =
        responseMarshaller ?? throw new ArgumentNullException(nameof(responseMarshaller));
}
