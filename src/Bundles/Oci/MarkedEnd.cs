using System.IO.Compression;
using System.Security.Cryptography;

namespace Appliance.Bundles.Oci;

/// <summary>
/// A stream of gzips with one more at its end, which unpacks to a mark that nobody can know beforehand.
/// <see cref="GZipStream"/> ends without a word where a checksum is missing, or where something follows that is no gzip:
/// it comes to the mark only if all before it was whole.
/// </summary>
internal sealed class MarkedEnd : Stream
{
    private readonly Stream inner;
    private readonly byte[] mark = RandomNumberGenerator.GetBytes(MarkSize);
    private ReadOnlyMemory<byte> end;
    private bool isAtEnd;
    private bool isEmpty = true;

    public const int MarkSize = 16;

    public MarkedEnd(Stream inner)
    {
        this.inner = inner;
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.NoCompression, leaveOpen: true))
            gzip.Write(mark);
        end = packed.ToArray();
    }

    /// <summary>Whether this is the mark; never after nothing.</summary>
    public bool IsMark(ReadOnlySpan<byte> bytes) => !isEmpty && bytes.SequenceEqual(mark);

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!isAtEnd && await inner.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            isEmpty = false;
            return read;
        }
        isAtEnd = true;
        var length = Math.Min(buffer.Length, end.Length);
        end[..length].CopyTo(buffer);
        end = end[length..];
        return length;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

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
}
