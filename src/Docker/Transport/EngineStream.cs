namespace Appliance.Docker;

/// <summary>
/// The body of an answer: says <see cref="EngineUnavailableException"/> for a connection that breaks, holds the
/// caller to a size, and closes the connection with itself.
/// </summary>
internal sealed class EngineStream(HttpResponseMessage response, Stream body, long maxBytes) : Stream
{
    private long total;

    public HttpResponseMessage Response => response;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read;
        try
        {
            read = await body.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or ObjectDisposedException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new EngineUnavailableException($"the engine ended its answer early: {e.Message}", e);
        }
        if ((total += read) > maxBytes)
            throw new EngineProtocolException(response.StatusCode, $"the answer is larger than {maxBytes} bytes");
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("answers are read asynchronously");

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            response.Dispose();
        base.Dispose(disposing);
    }
}
