using System.Diagnostics.CodeAnalysis;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps gRPC services to an application's endpoints.</summary>
public static class GrpcEndpointRouteBuilderExtensions
{
    private static readonly HttpMethodMetadata Post = new(["POST"]);

    /// <summary>
    /// Serves the methods of a service. The service comes from the call's dependency injection scope; one that is not
    /// registered is made for each call, and disposed after it.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// <c>AddGrpc</c> was not called, or the class does not derive from a generated service base.
    /// </exception>
    public static GrpcServiceEndpointConventionBuilder MapGrpcService<
        [DynamicallyAccessedMembers(ServiceBinder.ServiceMembers)] TService
    >(this IEndpointRouteBuilder builder)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registry =
            builder.ServiceProvider.GetService<ServerRegistry>()
            ?? throw new InvalidOperationException("Call services.AddGrpc() before mapping gRPC services.");
        var common = builder.ServiceProvider.GetRequiredService<IOptions<GrpcServiceOptions>>().Value;
        var own = builder.ServiceProvider.GetServices<IConfigureOptions<GrpcServiceOptions<TService>>>().Any();
        var options = own
            ? builder.ServiceProvider.GetRequiredService<IOptions<GrpcServiceOptions<TService>>>().Value
            : common;

        var binder = new ServiceBinder<TService>(options, builder.ServiceProvider);
        binder.Bind();
        var conventions = new List<IEndpointConventionBuilder>();
        foreach (var (method, handler, metadata) in binder.Methods)
        {
            registry.ServiceNames.Add(method.ServiceName);
            var endpoint = builder.Map(RoutePatternFactory.Parse(method.FullName), handler);
            endpoint.WithDisplayName("gRPC - " + method.FullName).WithMetadata([Post, .. metadata]);
            conventions.Add(endpoint);
        }

        if (!registry.UnknownCallsMapped && common.IgnoreUnknownServices != true)
        {
            registry.UnknownCallsMapped = true;
            MapUnknownCalls(builder, registry);
        }

        return new(conventions);
    }

    // Only what comes as gRPC, and without method metadata, which would answer other requests of that shape with 405.
    private static void MapUnknownCalls(IEndpointRouteBuilder builder, ServerRegistry registry) =>
        builder
            .Map(
                RoutePatternFactory.Parse(
                    "{grpcService}/{grpcMethod}",
                    defaults: null,
                    parameterPolicies: new RouteValueDictionary { ["grpcMethod"] = new GrpcRequestConstraint() }
                ),
                http => RefuseUnknown(http, registry)
            )
            .WithDisplayName("gRPC - unknown method")
            .WithOrder(int.MaxValue);

    private static Task RefuseUnknown(HttpContext http, ServerRegistry registry)
    {
        if (!ServerProtocol.TryAccept(http))
            return Task.CompletedTask;
        var service = http.GetRouteValue("grpcService") as string;
        var what = service is not null && registry.ServiceNames.Contains(service) ? "Method" : "Service";
        ServerProtocol.WriteStatus(
            http.Response.Headers,
            new Status(StatusCode.Unimplemented, $"{what} is unimplemented."),
            trailers: null
        );
        return Task.CompletedTask;
    }

    private sealed class GrpcRequestConstraint : IRouteConstraint
    {
        public bool Match(
            HttpContext? httpContext,
            IRouter? route,
            string routeKey,
            RouteValueDictionary values,
            RouteDirection routeDirection
        ) =>
            httpContext is not null
            && HttpMethods.IsPost(httpContext.Request.Method)
            && HeaderNames.IsGrpcContentType(httpContext.Request.ContentType);
    }
}
