using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>Starts calls on a channel.</summary>
internal sealed class HttpCallInvoker(GrpcChannel channel) : CallInvoker
{
    public override TResponse BlockingUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options,
        TRequest request
    )
    {
        using var call = AsyncUnaryCall(method, host, options, request);
        return call.ResponseAsync.GetAwaiter().GetResult();
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options,
        TRequest request
    )
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        call.StartUnary(request);
        return new(
            call.ReadSingleAsync(),
            ClientCall.Headers,
            ClientCall.Status,
            ClientCall.Trailers,
            ClientCall.Cancel,
            call
        );
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options,
        TRequest request
    )
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        call.StartUnary(request);
        return new(
            new ClientStreamReader<TRequest, TResponse>(call),
            ClientCall.Headers,
            ClientCall.Status,
            ClientCall.Trailers,
            ClientCall.Cancel,
            call
        );
    }

    public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options
    )
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        var requests = call.StartStreaming();
        var response = call.ReadSingleAsync();
        requests.End = response;
        ClientCall.Observe(response);
        return new(
            requests,
            response,
            ClientCall.Headers,
            ClientCall.Status,
            ClientCall.Trailers,
            ClientCall.Cancel,
            call
        );
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method,
        string? host,
        CallOptions options
    )
    {
        var call = new ClientCall<TRequest, TResponse>(channel, method, host, options);
        return new(
            call.StartStreaming(),
            new ClientStreamReader<TRequest, TResponse>(call),
            ClientCall.Headers,
            ClientCall.Status,
            ClientCall.Trailers,
            ClientCall.Cancel,
            call
        );
    }
}
