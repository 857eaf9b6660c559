using Microsoft.AspNetCore.Builder;

namespace Grpc.AspNetCore.Server;

/// <summary>Adds conventions, such as authorisation, to every method of a mapped service.</summary>
public sealed class GrpcServiceEndpointConventionBuilder : IEndpointConventionBuilder
{
    private readonly List<IEndpointConventionBuilder> methods;

    internal GrpcServiceEndpointConventionBuilder(List<IEndpointConventionBuilder> methods) => this.methods = methods;

    /// <inheritdoc/>
    public void Add(Action<EndpointBuilder> convention)
    {
        foreach (var method in methods)
            method.Add(convention);
    }

    /// <inheritdoc/>
    public void Finally(Action<EndpointBuilder> finallyConvention)
    {
        foreach (var method in methods)
            method.Finally(finallyConvention);
    }
}
