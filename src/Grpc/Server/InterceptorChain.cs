using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Grpc.AspNetCore.Server;

/// <summary>
/// Puts interceptors in front of a handler. The chain is built once a method; each step makes its interceptor from the
/// services of the call.
/// </summary>
internal static class InterceptorChain
{
    public static UnaryServerMethod<TRequest, TResponse> Unary<TRequest, TResponse>(
        IEnumerable<InterceptorRegistration> interceptors,
        UnaryServerMethod<TRequest, TResponse> handler
    )
        where TRequest : class
        where TResponse : class
    {
        foreach (var registration in interceptors.Reverse())
        {
            var next = handler;
            handler = async (request, context) =>
            {
                await using var step = new Step(registration, context);
                return await step.Interceptor.UnaryServerHandler(request, context, next);
            };
        }

        return handler;
    }

    public static ClientStreamingServerMethod<TRequest, TResponse> ClientStreaming<TRequest, TResponse>(
        IEnumerable<InterceptorRegistration> interceptors,
        ClientStreamingServerMethod<TRequest, TResponse> handler
    )
        where TRequest : class
        where TResponse : class
    {
        foreach (var registration in interceptors.Reverse())
        {
            var next = handler;
            handler = async (requests, context) =>
            {
                await using var step = new Step(registration, context);
                return await step.Interceptor.ClientStreamingServerHandler(requests, context, next);
            };
        }

        return handler;
    }

    public static ServerStreamingServerMethod<TRequest, TResponse> ServerStreaming<TRequest, TResponse>(
        IEnumerable<InterceptorRegistration> interceptors,
        ServerStreamingServerMethod<TRequest, TResponse> handler
    )
        where TRequest : class
        where TResponse : class
    {
        foreach (var registration in interceptors.Reverse())
        {
            var next = handler;
            handler = async (request, responses, context) =>
            {
                await using var step = new Step(registration, context);
                await step.Interceptor.ServerStreamingServerHandler(request, responses, context, next);
            };
        }

        return handler;
    }

    public static DuplexStreamingServerMethod<TRequest, TResponse> DuplexStreaming<TRequest, TResponse>(
        IEnumerable<InterceptorRegistration> interceptors,
        DuplexStreamingServerMethod<TRequest, TResponse> handler
    )
        where TRequest : class
        where TResponse : class
    {
        foreach (var registration in interceptors.Reverse())
        {
            var next = handler;
            handler = async (requests, responses, context) =>
            {
                await using var step = new Step(registration, context);
                await step.Interceptor.DuplexStreamingServerHandler(requests, responses, context, next);
            };
        }

        return handler;
    }

    private readonly struct Step : IAsyncDisposable
    {
        private readonly bool owned;

        public Step(InterceptorRegistration registration, ServerCallContext context) =>
            Interceptor = registration.Create(context.GetHttpContext().RequestServices, out owned);

        public Interceptor Interceptor { get; }

        public ValueTask DisposeAsync()
        {
            if (!owned)
                return ValueTask.CompletedTask;
            if (Interceptor is IAsyncDisposable asynchronous)
                return asynchronous.DisposeAsync();
            (Interceptor as IDisposable)?.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
