using System.Net;

namespace Grpc.Net.Client;

/// <summary>Lends the transport's request stream to a writer until the requests end.</summary>
internal sealed class RequestStreamContent : HttpContent
{
    private readonly TaskCompletionSource<Stream?> opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly CancellationTokenSource over = new();
    private readonly Lock gate = new();
    private bool isWriting;
    private bool isOver;

    /// <summary>The stream to write to, once there is a connection; null when the call ended before.</summary>
    public Task<Stream?> Opened => opened.Task;

    /// <summary>Cancelled when the request ends while something is written: its server may never take it.</summary>
    public CancellationToken Over => over.Token;

    /// <summary>Takes the stream for a write.</summary>
    /// <returns>False: the request has ended.</returns>
    public bool TryBegin()
    {
        lock (gate)
            return isWriting = !isOver;
    }

    /// <summary>Gives it back.</summary>
    public void EndWrite()
    {
        bool isLast;
        lock (gate)
        {
            isLast = isOver && isWriting;
            isWriting = false;
        }
        if (isLast)
            ended.TrySetResult();
    }

    /// <summary>
    /// Lets the transport end the request, once nothing is written to its stream any more: a write that it finds then is
    /// forgotten, and would never end.
    /// </summary>
    public void End()
    {
        bool isIdle;
        lock (gate)
        {
            isOver = true;
            isIdle = !isWriting;
        }
        opened.TrySetResult(null);
        if (isIdle)
            ended.TrySetResult();
        else
            over.Cancel();
    }

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        // The transport keeps the headers until there is something to send after them, but a server may speak first.
        if (!ended.Task.IsCompleted)
            await stream.FlushAsync();
        // A second time means another connection: what was written to the first one would be missing on it.
        if (!opened.TrySetResult(stream) && !ended.Task.IsCompleted)
            throw new IOException("The connection was lost after the request stream had begun.");
        await ended.Task;
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
