using System.Net;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>
/// The request of a call that has one. It is a <see cref="ByteArrayContent"/> because the HTTP/2 transport then sends
/// it and turns to the response, instead of watching both directions at once.
/// </summary>
internal sealed class RequestContent<TRequest> : ByteArrayContent
{
    private readonly TRequest request;
    private readonly Action<TRequest, SerializationContext> serializer;
    private readonly int? limit;
    private PooledBuffer? prepared;

    /// <exception cref="RpcException">RESOURCE_EXHAUSTED over the send limit.</exception>
    public RequestContent(TRequest request, Action<TRequest, SerializationContext> serializer, int? limit)
        : base([])
    {
        this.request = request;
        this.serializer = serializer;
        this.limit = limit;
        prepared = Serialize();
    }

    // The length is the protocol's business, not HTTP's.
    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(
        Stream stream,
        TransportContext? context,
        CancellationToken cancellationToken
    )
    {
        // The transport asks again when it retries on another connection.
        using var buffer = Interlocked.Exchange(ref prepared, null) ?? Serialize();
        await stream.WriteAsync(buffer.Written, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        Interlocked.Exchange(ref prepared, null)?.Dispose();
        base.Dispose(disposing);
    }

    private PooledBuffer Serialize()
    {
        var buffer = new PooledBuffer();
        new FrameWriter(limit).Write(request, serializer, buffer);
        return buffer;
    }
}
