using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Grpc.AspNetCore.Server;

/// <summary>What trimming must keep of a service.</summary>
internal static class ServiceBinder
{
    public const DynamicallyAccessedMemberTypes ServiceMembers =
        DynamicallyAccessedMemberTypes.PublicConstructors | DynamicallyAccessedMemberTypes.PublicMethods;
}

/// <summary>One method ready to be mapped.</summary>
internal sealed record MappedMethod(IMethod Method, RequestDelegate Handler, List<object> Metadata);

/// <summary>
/// Learns the methods of a service from generated code, and finds the class's own method for each. The message types
/// are generic arguments of the generated calls, so that nothing is made by reflection but one delegate a method.
/// </summary>
internal sealed class ServiceBinder<[DynamicallyAccessedMembers(ServiceBinder.ServiceMembers)] TService>(
    GrpcServiceOptions options,
    IServiceProvider services
) : ServiceBinderBase
    where TService : class
{
    private readonly ServiceActivator<TService> activator = new(
        services.GetService<IServiceProviderIsService>()?.IsService(typeof(TService)) == true
    );

    private readonly ILogger log =
        services.GetService<ILoggerFactory>()?.CreateLogger(ServerLog.Category) ?? NullLogger.Instance;

    public List<MappedMethod> Methods { get; } = [];

    public void Bind()
    {
        var attribute =
            typeof(TService).GetCustomAttribute<BindServiceMethodAttribute>(inherit: true)
            ?? throw new InvalidOperationException(
                $"{typeof(TService)} does not derive from a generated service base."
            );
        var bind =
            attribute
                .BindType.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
                .FirstOrDefault(method =>
                    method.Name == attribute.BindMethodName
                    && method.GetParameters() is [var binder, var service]
                    && binder.ParameterType == typeof(ServiceBinderBase)
                    && service.ParameterType.IsAssignableFrom(typeof(TService))
                )
            ?? throw new InvalidOperationException($"{attribute.BindType} has no {attribute.BindMethodName} method.");
        bind.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [this, null], null);
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        UnaryServerMethod<TRequest, TResponse>? handler
    )
    {
        var own = Find(method, typeof(TRequest), typeof(ServerCallContext));
        var call = own.CreateDelegate<Func<TService, TRequest, ServerCallContext, Task<TResponse>>>();
        var chain = InterceptorChain.Unary(
            options.Interceptors,
            new UnaryServerMethod<TRequest, TResponse>(
                (request, context) =>
                {
                    var service = activator.Get(context.GetHttpContext().RequestServices);
                    var response = call(service, request, context);
                    return activator.MustDispose ? DisposeAfter(response, service) : response;
                }
            )
        );
        Add(method, own, new UnaryHandler<TRequest, TResponse>(method, SettingsOf(method), chain));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        ClientStreamingServerMethod<TRequest, TResponse>? handler
    )
    {
        var own = Find(method, typeof(IAsyncStreamReader<TRequest>), typeof(ServerCallContext));
        var call = own.CreateDelegate<
            Func<TService, IAsyncStreamReader<TRequest>, ServerCallContext, Task<TResponse>>
        >();
        var chain = InterceptorChain.ClientStreaming(
            options.Interceptors,
            new ClientStreamingServerMethod<TRequest, TResponse>(
                (requests, context) =>
                {
                    var service = activator.Get(context.GetHttpContext().RequestServices);
                    var response = call(service, requests, context);
                    return activator.MustDispose ? DisposeAfter(response, service) : response;
                }
            )
        );
        Add(method, own, new ClientStreamingHandler<TRequest, TResponse>(method, SettingsOf(method), chain));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        ServerStreamingServerMethod<TRequest, TResponse>? handler
    )
    {
        var own = Find(method, typeof(TRequest), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext));
        var call = own.CreateDelegate<
            Func<TService, TRequest, IServerStreamWriter<TResponse>, ServerCallContext, Task>
        >();
        var chain = InterceptorChain.ServerStreaming(
            options.Interceptors,
            new ServerStreamingServerMethod<TRequest, TResponse>(
                (request, responses, context) =>
                {
                    var service = activator.Get(context.GetHttpContext().RequestServices);
                    var done = call(service, request, responses, context);
                    return activator.MustDispose ? DisposeAfter(done, service) : done;
                }
            )
        );
        Add(method, own, new ServerStreamingHandler<TRequest, TResponse>(method, SettingsOf(method), chain));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        DuplexStreamingServerMethod<TRequest, TResponse>? handler
    )
    {
        var own = Find(
            method,
            typeof(IAsyncStreamReader<TRequest>),
            typeof(IServerStreamWriter<TResponse>),
            typeof(ServerCallContext)
        );
        var call = own.CreateDelegate<
            Func<TService, IAsyncStreamReader<TRequest>, IServerStreamWriter<TResponse>, ServerCallContext, Task>
        >();
        var chain = InterceptorChain.DuplexStreaming(
            options.Interceptors,
            new DuplexStreamingServerMethod<TRequest, TResponse>(
                (requests, responses, context) =>
                {
                    var service = activator.Get(context.GetHttpContext().RequestServices);
                    var done = call(service, requests, responses, context);
                    return activator.MustDispose ? DisposeAfter(done, service) : done;
                }
            )
        );
        Add(method, own, new DuplexStreamingHandler<TRequest, TResponse>(method, SettingsOf(method), chain));
    }

    private static MethodInfo Find(IMethod method, params Type[] parameters) =>
        typeof(TService).GetMethod(method.Name, BindingFlags.Instance | BindingFlags.Public, parameters)
        ?? throw new InvalidOperationException($"{typeof(TService)} has no public method {method.Name} for gRPC.");

    private static async Task<TResponse> DisposeAfter<TResponse>(Task<TResponse> response, TService service)
    {
        try
        {
            return await response;
        }
        finally
        {
            await ServiceActivator<TService>.DisposeAsync(service);
        }
    }

    private static async Task DisposeAfter(Task done, TService service)
    {
        try
        {
            await done;
        }
        finally
        {
            await ServiceActivator<TService>.DisposeAsync(service);
        }
    }

    private MethodSettings SettingsOf(IMethod method) =>
        new(
            method,
            options.MaxReceiveMessageSize,
            options.MaxSendMessageSize,
            options.EnableDetailedErrors == true,
            log
        );

    private void Add(IMethod method, MethodInfo own, MethodHandler handler) =>
        Methods.Add(
            new(
                method,
                handler.HandleAsync,
                [
                    new GrpcMethodMetadata(typeof(TService), method),
                    .. typeof(TService).GetCustomAttributes(inherit: true),
                    .. own.GetCustomAttributes(inherit: true),
                ]
            )
        );
}
