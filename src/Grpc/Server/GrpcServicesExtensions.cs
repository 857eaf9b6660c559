using Grpc.AspNetCore.Server;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds gRPC to an application's services.</summary>
public static class GrpcServicesExtensions
{
    /// <summary>Adds what <c>MapGrpcService</c> needs.</summary>
    public static IGrpcServerBuilder AddGrpc(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddRouting();
        services.AddOptions();
        services.TryAddSingleton<ServerRegistry>();
        return new GrpcServerBuilder(services);
    }

    /// <summary>Adds what <c>MapGrpcService</c> needs, with options for every service.</summary>
    public static IGrpcServerBuilder AddGrpc(
        this IServiceCollection services,
        Action<GrpcServiceOptions> configureOptions
    )
    {
        ArgumentNullException.ThrowIfNull(services);
        services.Configure(configureOptions);
        return services.AddGrpc();
    }

    /// <summary>Sets options of one service, on top of those of every service.</summary>
    public static IGrpcServerBuilder AddServiceOptions<TService>(
        this IGrpcServerBuilder grpcBuilder,
        Action<GrpcServiceOptions<TService>> configure
    )
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(grpcBuilder);
        // The copy is registered before the caller's changes, so that they are made on top of it.
        grpcBuilder.Services.TryAddEnumerable(
            ServiceDescriptor.Singleton<IConfigureOptions<GrpcServiceOptions<TService>>, InheritedOptions<TService>>()
        );
        grpcBuilder.Services.Configure(configure);
        return grpcBuilder;
    }

    private sealed class InheritedOptions<TService>(IOptions<GrpcServiceOptions> common)
        : IConfigureOptions<GrpcServiceOptions<TService>>
        where TService : class
    {
        public void Configure(GrpcServiceOptions<TService> options)
        {
            options.MaxReceiveMessageSize = common.Value.MaxReceiveMessageSize;
            options.MaxSendMessageSize = common.Value.MaxSendMessageSize;
            options.EnableDetailedErrors = common.Value.EnableDetailedErrors;
            options.IgnoreUnknownServices = common.Value.IgnoreUnknownServices;
            foreach (var interceptor in common.Value.Interceptors)
                options.Interceptors.Add(interceptor);
        }
    }

    private sealed record GrpcServerBuilder(IServiceCollection Services) : IGrpcServerBuilder;
}
