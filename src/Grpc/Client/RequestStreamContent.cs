using System.Net;

namespace Grpc.Net.Client;

/// <summary>Lends the transport's request stream to a writer until the requests end.</summary>
internal sealed class RequestStreamContent : HttpContent
{
    private readonly TaskCompletionSource<Stream?> opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The stream to write to, once there is a connection; null when the call ended before.</summary>
    public Task<Stream?> Opened => opened.Task;

    /// <summary>Lets the transport end the request.</summary>
    public void End()
    {
        ended.TrySetResult();
        opened.TrySetResult(null);
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
