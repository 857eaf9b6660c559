namespace Grpc.Core;

/// <summary>Messages coming in, pulled one at a time; not for concurrent use.</summary>
public interface IAsyncStreamReader<out T>
{
    /// <summary>The message that the last <see cref="MoveNext"/> found.</summary>
    T Current { get; }

    /// <summary>Waits for the next message; false at the end of the stream.</summary>
    /// <exception cref="RpcException">On a client: the call failed.</exception>
    /// <exception cref="OperationCanceledException">On a server: the call was cancelled or its deadline passed.</exception>
    /// <exception cref="InvalidOperationException">Another read is in flight.</exception>
    Task<bool> MoveNext(CancellationToken cancellationToken);
}

/// <summary>Messages going out, one at a time.</summary>
public interface IAsyncStreamWriter<in T>
{
    /// <summary>Options for the writes that follow; null for the defaults.</summary>
    WriteOptions? WriteOptions { get; set; }

    /// <summary>Sends a message; completes once the transport took it, so awaiting it is the back-pressure.</summary>
    /// <exception cref="InvalidOperationException">Another write is in flight, or the stream has ended.</exception>
    Task WriteAsync(T message);

    /// <summary>Sends a message; a cancelled token ends the whole call, since a half-sent message cannot be taken back.</summary>
    /// <exception cref="InvalidOperationException">Another write is in flight, or the stream has ended.</exception>
    Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled)
            throw new NotSupportedException("This stream writer does not take a cancellation token.");
        return WriteAsync(message);
    }
}

/// <summary>A server's outgoing messages; the stream ends when the handler returns.</summary>
public interface IServerStreamWriter<in T> : IAsyncStreamWriter<T>;

/// <summary>A client's outgoing messages.</summary>
public interface IClientStreamWriter<in T> : IAsyncStreamWriter<T>
{
    /// <summary>Says that no more messages follow; call it once.</summary>
    /// <exception cref="InvalidOperationException">A write is in flight, or the stream was completed before.</exception>
    Task CompleteAsync();
}
