using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Grpc.AspNetCore.Server;

/// <summary>Serves the calls of one method, from the HTTP request to the status.</summary>
internal abstract class MethodHandler(MethodSettings settings)
{
    public Task HandleAsync(HttpContext http) =>
        ServerProtocol.TryAccept(http) ? ServeAsync(new ServerCall(http, settings)) : Task.CompletedTask;

    protected abstract Task RunAsync(ServerCall call);

    protected static RpcException NoResponse() =>
        new(new Status(StatusCode.Cancelled, "No message returned from method."));

    private async Task ServeAsync(ServerCall call)
    {
        try
        {
            call.Start();
            await RunAsync(call);
        }
        catch (Exception e)
        {
            call.Fail(e);
        }

        await call.EndAsync();
    }
}

internal abstract class MethodHandler<TRequest, TResponse>(Method<TRequest, TResponse> method, MethodSettings settings)
    : MethodHandler(settings)
    where TRequest : class
    where TResponse : class
{
    protected ServerStreamReader<TRequest> Requests(ServerCall call) =>
        new(call, method.RequestMarshaller.ContextualDeserializer);

    protected ServerStreamWriter<TResponse> Responses(ServerCall call) =>
        new(call, method.ResponseMarshaller.ContextualSerializer);

    // Not flushed: message and trailers then leave in one write.
    protected void PutLast(ServerCall call, TResponse? response)
    {
        if (call.Status.StatusCode != StatusCode.OK)
            return;
        if (response is null)
            throw NoResponse();
        call.BeginWrite();
        try
        {
            call.PutMessage(response, method.ResponseMarshaller.ContextualSerializer);
        }
        finally
        {
            call.EndWrite();
        }
    }
}

internal sealed class UnaryHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    MethodSettings settings,
    UnaryServerMethod<TRequest, TResponse> invoke
) : MethodHandler<TRequest, TResponse>(method, settings)
    where TRequest : class
    where TResponse : class
{
    protected override async Task RunAsync(ServerCall call)
    {
        var request = await Requests(call).ReadSingleAsync();
        PutLast(call, await invoke(request, call));
    }
}

internal sealed class ClientStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    MethodSettings settings,
    ClientStreamingServerMethod<TRequest, TResponse> invoke
) : MethodHandler<TRequest, TResponse>(method, settings)
    where TRequest : class
    where TResponse : class
{
    protected override async Task RunAsync(ServerCall call)
    {
        var requests = Requests(call);
        call.Reader = requests;
        PutLast(call, await invoke(requests, call));
    }
}

internal sealed class ServerStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    MethodSettings settings,
    ServerStreamingServerMethod<TRequest, TResponse> invoke
) : MethodHandler<TRequest, TResponse>(method, settings)
    where TRequest : class
    where TResponse : class
{
    protected override async Task RunAsync(ServerCall call)
    {
        var request = await Requests(call).ReadSingleAsync();
        var responses = Responses(call);
        call.Writer = responses;
        await invoke(request, responses, call);
    }
}

internal sealed class DuplexStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method,
    MethodSettings settings,
    DuplexStreamingServerMethod<TRequest, TResponse> invoke
) : MethodHandler<TRequest, TResponse>(method, settings)
    where TRequest : class
    where TResponse : class
{
    protected override Task RunAsync(ServerCall call)
    {
        var requests = Requests(call);
        var responses = Responses(call);
        call.Reader = requests;
        call.Writer = responses;
        return invoke(requests, responses, call);
    }
}
