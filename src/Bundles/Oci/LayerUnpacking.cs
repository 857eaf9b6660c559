using System.IO.Compression;
using System.Security.Cryptography;
using System.Threading.Channels;

namespace Appliance.Bundles.Oci;

/// <summary>
/// Unpacks a gzip layer on the side, as its pieces come by, to learn what it unpacks to; keeps none of it.
/// </summary>
internal sealed class LayerUnpacking : IAsyncDisposable
{
    private const int BufferSize = 128 * 1024;

    private readonly Feed feed = new();
    private readonly Task<(string DiffId, long Size)> unpacking;

    /// <param name="maxSize">More bytes than that are not unpacked, however few they were made from.</param>
    public LayerUnpacking(long maxSize) => unpacking = Task.Run(() => UnpackAsync(maxSize));

    /// <summary>Unpacks a piece, which is no longer needed once this returns.</summary>
    /// <exception cref="InvalidDataException">It is no gzip, or too much.</exception>
    public async Task AddAsync(ReadOnlyMemory<byte> piece)
    {
        if (await Task.WhenAny(feed.GiveAsync(piece), unpacking) == unpacking)
            await unpacking;
    }

    /// <summary>What all the pieces unpacked to.</summary>
    /// <exception cref="InvalidDataException">It is no gzip, too much, or was cut off.</exception>
    public Task<(string DiffId, long Size)> FinishAsync()
    {
        feed.End();
        return unpacking;
    }

    public async ValueTask DisposeAsync()
    {
        feed.End();
        await ((Task)unpacking).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await feed.DisposeAsync();
    }

    private async Task<(string DiffId, long Size)> UnpackAsync(long maxSize)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var marked = new MarkedEnd(feed);
        await using var gzip = new GZipStream(marked, CompressionMode.Decompress, leaveOpen: true);
        var buffer = new byte[BufferSize];
        // The latest bytes, which may be the mark, wait at the start of the buffer.
        var (size, kept) = (0L, 0);
        while (await gzip.ReadAsync(buffer.AsMemory(kept)) is > 0 and var read)
        {
            var content = Math.Max(0, kept + read - MarkedEnd.MarkSize);
            size += content;
            if (size > maxSize)
                throw new InvalidDataException($"it unpacks to more than the {maxSize} bytes that it may have");
            hash.AppendData(buffer, 0, content);
            kept += read - content;
            buffer.AsSpan(content, kept).CopyTo(buffer);
        }
        return marked.IsMark(buffer.AsSpan(0, kept))
            ? (Sha256.Finish(hash), size)
            : throw new InvalidDataException("it is not gzip to its end: it was cut off, or something follows it");
    }

    /// <summary>One piece at a time; whoever gives one waits until it is used up.</summary>
    private sealed class Feed : Stream
    {
        private readonly Channel<ReadOnlyMemory<byte>> pieces = Channel.CreateBounded<ReadOnlyMemory<byte>>(1);
        private readonly SemaphoreSlim usedUp = new(0);
        private ReadOnlyMemory<byte> piece;

        public async Task GiveAsync(ReadOnlyMemory<byte> next)
        {
            if (next.IsEmpty)
                return;
            await pieces.Writer.WriteAsync(next);
            await usedUp.WaitAsync();
        }

        public void End() => pieces.Writer.TryComplete();

        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            if (piece.IsEmpty)
            {
                if (!await pieces.Reader.WaitToReadAsync(cancellationToken))
                    return 0;
                piece = await pieces.Reader.ReadAsync(cancellationToken);
            }

            var length = Math.Min(buffer.Length, piece.Length);
            piece[..length].CopyTo(buffer);
            piece = piece[length..];
            if (piece.IsEmpty)
                usedUp.Release();
            return length;
        }

        public override Task<int> ReadAsync(
            byte[] buffer,
            int offset,
            int count,
            CancellationToken cancellationToken
        ) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush() { }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                usedUp.Dispose();
            base.Dispose(disposing);
        }
    }
}
