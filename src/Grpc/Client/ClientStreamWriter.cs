using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>The requests of a streaming call; a write ends when the transport took the bytes.</summary>
internal sealed class ClientStreamWriter<TRequest, TResponse>(
    ClientCall<TRequest, TResponse> call,
    RequestStreamContent content,
    Action<TRequest, SerializationContext> serializer,
    int? limit
) : IClientStreamWriter<TRequest>
    where TRequest : class
    where TResponse : class
{
    private readonly Lock gate = new();
    private readonly FrameWriter frames = new(limit);
    private PooledBuffer buffer = new();
    private bool writing;
    private bool completed;

    public WriteOptions? WriteOptions { get; set; } = call.WriteOptions;

    /// <summary>The end of the call, where it comes without anybody reading; null where somebody has to read.</summary>
    public Task? End { get; set; }

    public Task WriteAsync(TRequest message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(TRequest message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        Begin();
        return SendAsync(message, cancellationToken);
    }

    public Task CompleteAsync()
    {
        Begin();
        lock (gate)
        {
            writing = false;
            completed = true;
        }

        buffer.Dispose();
        content.End();
        return Task.CompletedTask;
    }

    private void Begin()
    {
        lock (gate)
        {
            if (writing)
                throw new InvalidOperationException("The previous write is still in flight: await it first.");
            if (completed)
                throw new InvalidOperationException("The request stream was completed before.");
            writing = true;
        }
    }

    private async Task SendAsync(TRequest message, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(
            static call => ((ClientCall)call!).CancelFor(CallEnd.Token),
            call
        );
        try
        {
            var stream = await content.Opened;
            if (stream is null || call.Outcome is not null)
                throw AfterEnd();
            buffer.Clear();
            frames.Write(message, serializer, buffer);
            if (!content.TryBegin())
                throw AfterEnd();
            await SendAsync(stream);
        }
        finally
        {
            lock (gate)
                writing = false;
        }
    }

    private async Task SendAsync(Stream stream)
    {
        try
        {
            try
            {
                // The end of the call, whatever it is, is that of the request too.
                await stream.WriteAsync(buffer.Written, content.Over);
                if (WriteOptions is null || !WriteOptions.Flags.HasFlag(WriteFlags.BufferHint))
                    await stream.FlushAsync(content.Over);
            }
            finally
            {
                content.EndWrite();
            }
        }
        catch (Exception e) when (e is not RpcException)
        {
            // The server may have answered early, and its answer says more than a broken stream does.
            if (End is not null)
                await ((Task)End).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (call.Outcome is not null)
                throw AfterEnd();
            throw new RpcException(CallErrors.StatusOf(e, null));
        }
    }

    private Exception AfterEnd() =>
        call.Outcome is { Status.StatusCode: not StatusCode.OK }
            ? call.Thrown()
            : new InvalidOperationException("The call has ended; its server takes no more requests.");
}
