namespace Appliance.Bundles.Releases;

/// <summary>Where the blobs of a bundle go while it is read.</summary>
public interface IBlobSink
{
    /// <summary>A place for a blob; null: it is not wanted, and only verified.</summary>
    ValueTask<IBlobWriter?> OpenAsync(Blob blob, CancellationToken cancellationToken);
}

/// <summary>A blob on its way. Disposing of it before it is complete leaves nothing behind.</summary>
public interface IBlobWriter : IAsyncDisposable
{
    ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>All bytes are there, and have the digest that was announced.</summary>
    ValueTask CompleteAsync(CancellationToken cancellationToken);
}
