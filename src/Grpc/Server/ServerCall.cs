using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

/// <summary>What all calls of one method share.</summary>
internal sealed record MethodSettings(
    IMethod Method,
    int? MaxReceiveMessageSize,
    int? MaxSendMessageSize,
    bool DetailedErrors,
    ILogger Log
);

/// <summary>
/// One call being served. A call ends once: by its handler, or by its deadline, whichever takes the gate first; no
/// write starts after that, and none is in flight while the status is written.
/// </summary>
internal sealed partial class ServerCall(HttpContext http, MethodSettings settings)
{
    private readonly Lock gate = new();
    private FrameWriter? frames;
    private bool writing;
    private bool ended;
    private bool hasBody;

    public HttpContext Http => http;

    public MethodSettings Settings => settings;

    /// <summary>The stream reader or writer handed to the handler, which may leave an operation pending.</summary>
    public IPendingOperation? Reader { get; set; }

    /// <inheritdoc cref="Reader"/>
    public IPendingOperation? Writer { get; set; }

    /// <summary>Whether the client's side of the stream was read to its end.</summary>
    public bool RequestCompleted { get; set; }

    public bool Ended
    {
        get
        {
            lock (gate)
                return ended;
        }
    }

    /// <summary>Reads what the request says about the call itself.</summary>
    /// <exception cref="RpcException">UNIMPLEMENTED for an unknown encoding, INTERNAL for a malformed timeout.</exception>
    public void Start()
    {
        // Kestrel's limits are for uploads; a stream may be long and may pause for hours.
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = null;
        if (
            http.Features.Get<Microsoft.AspNetCore.Server.Kestrel.Core.Features.IHttpMinRequestBodyDataRateFeature>() is
            { } rate
        )
            rate.MinDataRate = null;

        if (http.Request.Headers.TryGetValue(HeaderNames.Encoding, out var encoding) && encoding != "identity")
        {
            http.Response.Headers[HeaderNames.AcceptEncoding] = "identity";
            throw new RpcException(
                new Status(StatusCode.Unimplemented, $"The encoding {encoding} of the request is not supported.")
            );
        }

        if (http.Request.Headers.TryGetValue(HeaderNames.Timeout, out var text))
        {
            if (!GrpcTimeout.TryParse(text.ToString(), out var timeout))
                throw new RpcException(new Status(StatusCode.Internal, "The grpc-timeout header is malformed."));
            StartDeadline(timeout);
        }
    }

    /// <summary>Takes the right to write; give it back with <see cref="EndWrite"/>.</summary>
    /// <exception cref="InvalidOperationException">Another write is in flight, or the handler has returned.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled or its deadline passed.</exception>
    public void BeginWrite()
    {
        lock (gate)
        {
            if (ended)
                throw deadlineEnd is null ? new InvalidOperationException("The call has ended.") : Cancelled(null);
            if (writing)
                throw new InvalidOperationException("The previous write is still in flight: await it first.");
            writing = true;
        }
    }

    public void EndWrite()
    {
        lock (gate)
            writing = false;
    }

    /// <summary>Puts a message into the response without sending it yet; needs the right to write.</summary>
    public void PutMessage<T>(T message, Action<T, SerializationContext> serializer)
    {
        frames ??= new FrameWriter(settings.MaxSendMessageSize);
        try
        {
            frames.Write(message, serializer, http.Response.BodyWriter);
            hasBody = true;
        }
        catch when (frames.HasPartialFrame)
        {
            // Half a frame cannot be taken back, and whatever followed it would be read as its rest.
            Reset(Http2Error.Internal);
            throw;
        }
    }

    /// <summary>Sends what was put into the response, and waits until the transport took it.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(
            static call => ((ServerCall)call!).Reset(Http2Error.Cancel),
            this
        );
        var result = await http.Response.BodyWriter.FlushAsync(CancellationToken.None);
        if (result.IsCompleted || result.IsCanceled)
            throw Cancelled(null);
    }

    /// <summary>Remembers how the handler failed.</summary>
    public void Fail(Exception e)
    {
        var name = settings.Method.FullName;
        if (e is RpcException rpc)
        {
            settings.Log.CallRefused(name, rpc.StatusCode, e);
            StatusCore = rpc.Status;
            if (rpc.Trailers.Count > 0)
            {
                foreach (var entry in rpc.Trailers)
                    ResponseTrailers.Add(entry);
            }
        }
        // A write may learn of it before the token does, and says then whose cancellation it is.
        else if (
            e is OperationCanceledException or IOException && IsCancelled
            || e is OperationCanceledException own && own.CancellationToken == CancellationTokenCore
        )
        {
            settings.Log.CallCancelled(name, e);
            StatusCore = Status.DefaultCancelled;
        }
        else
        {
            settings.Log.HandlerFailed(name, e);
            var detail = "Exception was thrown by handler.";
            if (settings.DetailedErrors)
                detail += $" {e.GetType().Name}: {e.Message}";
            StatusCore = new Status(StatusCode.Unknown, detail);
        }
    }

    /// <summary>Ends the call with its status, unless the deadline did.</summary>
    public async ValueTask EndAsync()
    {
        Task? otherEnd;
        if (Writer is not null)
            await FinishAsync(Writer);
        lock (gate)
        {
            otherEnd = deadlineEnd?.Task;
            ended = true;
        }

        if (Reader is not null)
        {
            http.Request.BodyReader.CancelPendingRead();
            await FinishAsync(Reader);
        }

        if (otherEnd is not null)
            await otherEnd;
        else
            WriteStatus(StatusCore, trailers);
        StopDeadline();
    }

    // After the handler: what it left in flight ends first, since the request's memory is used again afterwards.
    private async ValueTask FinishAsync(IPendingOperation operation)
    {
        if (operation.Pending is not { IsCompletedSuccessfully: false } pending)
            return;
        try
        {
            await pending;
        }
        catch (Exception e)
        {
            settings.Log.LeftoverFailed(settings.Method.FullName, e);
        }
    }

    private void WriteStatus(Status status, Metadata? metadata)
    {
        if (status.StatusCode != StatusCode.OK && !hasBody && !http.Response.HasStarted)
            ServerProtocol.WriteStatus(http.Response.Headers, status, metadata);
        else if (http.Features.Get<IHttpResponseTrailersFeature>() is { } feature)
            ServerProtocol.WriteStatus(feature.Trailers, status, metadata);
    }

    private void Reset(Http2Error error) => http.Features.Get<IHttpResetFeature>()?.Reset((int)error);

    private enum Http2Error
    {
        None = 0,
        Internal = 2,
        Cancel = 8,
    }
}

/// <summary>A stream whose last operation may still run when the handler returns.</summary>
internal interface IPendingOperation
{
    Task? Pending { get; }
}
