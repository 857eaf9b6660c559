using Grpc.Core;

namespace Grpc.AspNetCore.Server;

/// <summary>Writes responses into the transport's buffers; a write ends when the transport took the bytes.</summary>
internal sealed class ServerStreamWriter<TResponse>(ServerCall call, Action<TResponse, SerializationContext> serializer)
    : IServerStreamWriter<TResponse>,
        IPendingOperation
    where TResponse : class
{
    public WriteOptions? WriteOptions
    {
        get => call.WriteOptions;
        set => call.WriteOptions = value;
    }

    public Task? Pending { get; private set; }

    public Task WriteAsync(TResponse message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(TResponse message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled(cancellationToken);
        call.BeginWrite();
        var write = PutAndFlushAsync(message, cancellationToken);
        if (!write.IsCompleted)
            Pending = write;
        return write;
    }

    private async Task PutAndFlushAsync(TResponse message, CancellationToken cancellationToken)
    {
        try
        {
            call.PutMessage(message, serializer);
            if (WriteOptions is null || !WriteOptions.Flags.HasFlag(WriteFlags.BufferHint))
                await call.FlushAsync(cancellationToken);
        }
        finally
        {
            call.EndWrite();
        }
    }
}
