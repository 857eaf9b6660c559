using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>The messages of a call.</summary>
internal sealed class ClientCall<TRequest, TResponse>(
    GrpcChannel channel,
    Method<TRequest, TResponse> method,
    string? host,
    CallOptions options
) : ClientCall(channel, method, host, options)
    where TRequest : class
    where TResponse : class
{
    private readonly PayloadContext payload = new();
    private RequestStreamContent? requests;
    private ResponseFrames? frames;

    public WriteOptions? WriteOptions => Options.WriteOptions;

    /// <summary>Starts a call with one request.</summary>
    public void StartUnary(TRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        RequestContent<TRequest> content;
        try
        {
            content = new(request, method.RequestMarshaller.ContextualSerializer, Channel.MaxSendMessageSize);
        }
        catch (Exception e)
        {
            // Nothing was sent: the server need not hear of it.
            Refuse(e);
            return;
        }

        Send(content);
    }

    /// <summary>Starts a call whose requests follow.</summary>
    public ClientStreamWriter<TRequest, TResponse> StartStreaming()
    {
        requests = new RequestStreamContent();
        Send(requests);
        return new(this, requests, method.RequestMarshaller.ContextualSerializer, Channel.MaxSendMessageSize);
    }

    /// <summary>The one response of a call that has one.</summary>
    public async Task<TResponse> ReadSingleAsync()
    {
        // Null cannot come: success without a response is judged a failure.
        var response = (await ReadAsync())!;
        if (await ReadAsync() is not null)
            throw Failure(
                new RpcException(
                    new Status(
                        StatusCode.Unimplemented,
                        "The method has exactly one response, and the server sent several."
                    )
                )
            );
        return response;
    }

    /// <summary>The next response; null at the end of a stream that ended well.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<TResponse?> ReadAsync()
    {
        if (Outcome is not null)
            return AtEnd();
        try
        {
            var response = await Sent;
            if (Outcome is not null)
                return AtEnd();
            frames ??= new ResponseFrames(
                await response.Content.ReadAsStreamAsync(Token),
                Channel.MaxReceiveMessageSize
            );
            if (await frames.ReadAsync(Token) is { } frame)
            {
                payload.Payload = frame;
                ResponseMissing = false;
                return Deserialize();
            }

            FinishFrom(response.TrailingHeaders);
        }
        catch (Exception e)
        {
            throw Failure(e);
        }

        return AtEnd();
    }

    protected override void OnEnded() => requests?.End();

    private TResponse? AtEnd() => Outcome!.Status.StatusCode == StatusCode.OK ? null : throw Thrown();

    private TResponse Deserialize()
    {
        try
        {
            return method.ResponseMarshaller.ContextualDeserializer(payload);
        }
        catch (Exception e) when (e is not RpcException)
        {
            throw new RpcException(new Status(StatusCode.Internal, "The response could not be parsed.", e));
        }
    }
}
