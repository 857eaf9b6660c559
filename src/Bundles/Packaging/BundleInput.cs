using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Packaging;

/// <summary>A tar as it arrives: entry after entry, each with the one header that it may have.</summary>
internal sealed class BundleInput(Stream stream)
{
    private readonly byte[] header = new byte[TarHeader.Block];

    // Bytes of the next entry's header, when it was looked at before its turn.
    private int? ahead;
    private long entryAt;
    private long dataAt;

    /// <summary>Bytes read so far.</summary>
    public long Position { get; private set; }

    /// <summary>Whether the next entry says that it is called so. What else it is, is for who begins it to see.</summary>
    public async ValueTask<bool> IsNextAsync(string name, CancellationToken cancellationToken)
    {
        ahead ??= await stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
        return ahead == header.Length && TarHeader.NameIn(header) == name;
    }

    /// <summary>Begins the next entry, whose name and size are known.</summary>
    /// <param name="what">What it is, for messages.</param>
    public async ValueTask BeginAsync(string name, long size, string what, CancellationToken cancellationToken)
    {
        await ReadHeaderAsync(what, cancellationToken);
        Compare(name, size, what);
    }

    /// <summary>Begins the next entry, whose name and size are only now learnt.</summary>
    /// <param name="accept">Whether an entry may have this name.</param>
    public async ValueTask<(string Name, int Size)> BeginAsync(
        string what,
        Func<string, bool> accept,
        int maxSize,
        CancellationToken cancellationToken
    )
    {
        await ReadHeaderAsync(what, cancellationToken);
        var name = TarHeader.NameIn(header);
        if (!accept(name))
            throw Refused(entryAt, HeaderDiagnosis.Of(header, what, rendered: default));
        if (TarHeader.SizeIn(header) is not { } size)
            throw Refused(entryAt, HeaderDiagnosis.Of(header, what, TarHeader.TryRender(name, 0)));
        Compare(name, size, what);
        if (size > maxSize)
            throw Refused(entryAt, $"\"{name}\" has {size} bytes; at most {maxSize} are allowed");
        return (name, (int)size);
    }

    /// <summary>Reads a small entry that has begun.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadAllAsync(
        int size,
        string what,
        CancellationToken cancellationToken
    )
    {
        var bytes = new byte[size];
        await ReadAsync(bytes, what, cancellationToken);
        await EndAsync(size, what, cancellationToken);
        return bytes;
    }

    /// <summary>Reads a piece of the entry that has begun.</summary>
    public async ValueTask ReadAsync(Memory<byte> piece, string what, CancellationToken cancellationToken)
    {
        var read = await stream.ReadAtLeastAsync(piece, piece.Length, throwOnEndOfStream: false, cancellationToken);
        Position += read;
        if (read < piece.Length)
            throw Truncated(what);
    }

    /// <summary>Goes on to where the next entry begins.</summary>
    public async ValueTask EndAsync(long size, string what, CancellationToken cancellationToken)
    {
        var padding = header.AsMemory(0, TarHeader.PaddingAfter(size));
        await ReadAsync(padding, what, cancellationToken);
        if (padding.Span.IndexOfAnyExcept((byte)0) is >= 0 and var at)
            throw Refused(Position - padding.Length + at, $"what fills up the last block of {what} must be zeros");
    }

    /// <summary>The archive ends here, and the file with it.</summary>
    public async ValueTask EndArchiveAsync(CancellationToken cancellationToken)
    {
        var end = new byte[2 * TarHeader.Block + 1];
        entryAt = Position;
        var read = await stream.ReadAtLeastAsync(end, end.Length, throwOnEndOfStream: false, cancellationToken);
        Position += read;
        var zeros = end.AsSpan(0, Math.Min(read, end.Length - 1));
        if (zeros.IndexOfAnyExcept((byte)0) is >= 0 and var at)
            throw read >= TarHeader.Block && at < TarHeader.Block
                ? Refused(entryAt, $"\"{TarHeader.NameIn(zeros)}\" is one entry more than the release has")
                : Refused(entryAt + at, "the two blocks that end the archive must be zeros");
        if (read < end.Length - 1)
            throw Truncated("the two blocks of zeros that end the archive");
        if (read == end.Length)
            throw Refused(Position - 1, "bytes follow the end of the archive");
    }

    /// <summary>A refusal that says where.</summary>
    public static RefusedException Refused(long at, string why) => new($"at byte {at}: {why}");

    /// <summary>A refusal of what the entry holds, which is now known to be wrong.</summary>
    public RefusedException RefusedEntry(string why) => Refused(dataAt, why);

    private async ValueTask ReadHeaderAsync(string what, CancellationToken cancellationToken)
    {
        entryAt = Position;
        var read =
            ahead ?? await stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken);
        ahead = null;
        Position += read;
        dataAt = Position;
        if (entryAt == 0)
            DemandTar(header.AsSpan(0, read));
        if (read < header.Length)
            throw Truncated($"the header of {what}");
    }

    private void Compare(string name, long size, string what)
    {
        var rendered = TarHeader.TryRender(name, size);
        if (!rendered.AsSpan().SequenceEqual(header))
            throw Refused(entryAt, HeaderDiagnosis.Of(header, what, rendered));
    }

    private static void DemandTar(ReadOnlySpan<byte> start)
    {
        if (start.IsEmpty)
            throw new RefusedException("the file is empty");
        if (start.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]))
            throw new RefusedException(
                "the file is compressed with gzip; a bundle is not compressed: unpack it with gunzip"
            );
        if (start.StartsWith("PK"u8))
            throw new RefusedException("the file is a zip archive, and not a bundle");
        if (start.Length < TarHeader.Block || !start.Slice(257, 5).SequenceEqual("ustar"u8))
            throw new RefusedException("the file is not a bundle: it does not begin as a tar does");
    }

    private RefusedException Truncated(string what) =>
        Refused(Position, $"the file ends within {what}; it was cut off: fetch it again");
}
