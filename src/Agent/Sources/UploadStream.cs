namespace Appliance.Agent.Sources;

/// <summary>The bytes that a caller sends piece by piece, as a stream; nothing is kept of them.</summary>
/// <param name="next">The next piece; null when the caller has no more.</param>
/// <param name="size">What the caller said it would send.</param>
/// <param name="patience">How long a caller may be silent; over all it may take as long as that and 64 KiB/s allow.</param>
internal sealed class UploadStream(
    Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>?>> next,
    long size,
    TimeSpan patience,
    TimeProvider clock
) : Stream
{
    // Slower than this, over all, nobody means to send a bundle; and it keeps everything else waiting.
    private const int LeastBytesPerSecond = 64 * 1024;

    private readonly TimeSpan allowed = patience + TimeSpan.FromSeconds(size / LeastBytesPerSecond);
    private readonly long began = clock.GetTimestamp();
    private ReadOnlyMemory<byte> piece;
    private bool ended;

    /// <summary>Bytes received so far.</summary>
    public long Received { get; private set; }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <exception cref="UploadException">The caller fell silent, or sent another number of bytes than it had said.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (piece.IsEmpty && !ended)
            await ReceiveAsync(cancellationToken);
        var count = Math.Min(buffer.Length, piece.Length);
        piece[..count].CopyTo(buffer);
        piece = piece[count..];
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        throw new NotSupportedException("an upload is read asynchronously");

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private async ValueTask ReceiveAsync(CancellationToken ct)
    {
        var received = await WithinPatienceAsync(ct);
        if (clock.GetElapsedTime(began) > allowed)
            throw new UploadException($"the upload took longer than {allowed.TotalSeconds:0} s");
        if (received is { IsEmpty: true })
            throw new UploadException("the upload has an empty piece");
        if (received is not { } bytes)
        {
            ended = true;
            if (Received < size)
                throw new UploadException($"the upload ended after {Received} of {size} bytes");
            return;
        }
        Received += bytes.Length;
        if (Received > size)
            throw new UploadException($"the upload is longer than the {size} bytes that were announced");
        piece = bytes;
    }

    private async ValueTask<ReadOnlyMemory<byte>?> WithinPatienceAsync(CancellationToken ct)
    {
        var waiting = next(ct);
        // The usual case, without a timer for each piece.
        if (waiting.IsCompleted)
            return await waiting;
        try
        {
            return await waiting.AsTask().WaitAsync(patience, clock, ct);
        }
        catch (TimeoutException)
        {
            throw new UploadException($"the upload stood still for {patience.TotalSeconds:0} s");
        }
    }
}

/// <summary>The upload itself went wrong; nothing is said about what was uploaded.</summary>
internal sealed class UploadException(string message) : IOException(message);
