using Grpc.Core;

namespace Grpc.AspNetCore.Server;

/// <summary>On the endpoint of a gRPC method: which method of which service it serves.</summary>
/// <param name="serviceType">The class that implements the service.</param>
/// <param name="method">The method.</param>
public sealed class GrpcMethodMetadata(Type serviceType, IMethod method)
{
    /// <summary>The class that implements the service.</summary>
    public Type ServiceType { get; } = serviceType ?? throw new ArgumentNullException(nameof(serviceType));

    /// <summary>The method.</summary>
    public IMethod Method { get; } = method ?? throw new ArgumentNullException(nameof(method));
}
