using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;

namespace Grpc.AspNetCore.Server;

/// <summary>Gets the service for each call: from the container when registered, made otherwise.</summary>
internal sealed class ServiceActivator<
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TService
>(bool registered)
    where TService : class
{
    private static readonly ObjectFactory<TService> Factory = ActivatorUtilities.CreateFactory<TService>([]);

    public TService Get(IServiceProvider services) =>
        registered ? services.GetRequiredService<TService>() : Factory(services, []);

    /// <summary>Whether a service that was made here has to be disposed after its call.</summary>
    public bool MustDispose { get; } =
        !registered
        && (
            typeof(IDisposable).IsAssignableFrom(typeof(TService))
            || typeof(IAsyncDisposable).IsAssignableFrom(typeof(TService))
        );

    public static ValueTask DisposeAsync(object service)
    {
        if (service is IAsyncDisposable asynchronous)
            return asynchronous.DisposeAsync();
        (service as IDisposable)?.Dispose();
        return ValueTask.CompletedTask;
    }
}
