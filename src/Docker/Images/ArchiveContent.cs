using System.Net;
using System.Net.Http.Headers;

namespace Appliance.Docker;

/// <summary>A caller's archive as a request body: streamed, left open, and blamed for its own failures.</summary>
internal sealed class ArchiveContent : HttpContent
{
    private const int ChunkBytes = 128 * 1024;

    private readonly Stream archive;

    public ArchiveContent(Stream archive)
    {
        this.archive = archive;
        Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
    }

    /// <summary>Why the archive could not be read; to the connection it looks like a failure of its own.</summary>
    public Exception? SourceFailure { get; private set; }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(
        Stream stream,
        TransportContext? context,
        CancellationToken cancellationToken
    )
    {
        var buffer = new byte[ChunkBytes];
        while (await ReadAsync(buffer, cancellationToken) is > 0 and var read)
            await stream.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    private async ValueTask<int> ReadAsync(byte[] buffer, CancellationToken ct)
    {
        try
        {
            return await archive.ReadAsync(buffer, ct);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            SourceFailure = e;
            throw;
        }
    }
}
