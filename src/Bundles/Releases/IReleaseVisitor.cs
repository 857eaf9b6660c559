namespace Appliance.Bundles.Releases;

/// <summary>Is led through the blobs of a release, in their order, each once.</summary>
internal interface IReleaseVisitor
{
    /// <summary>The verified bytes of a blob from which the way goes on.</summary>
    /// <param name="what">What messages call it.</param>
    ValueTask<NamedBytes> ReadAsync(Blob blob, string what, CancellationToken cancellationToken);

    /// <summary>A blob that leads nowhere.</summary>
    ValueTask PassAsync(Blob blob, string what, CancellationToken cancellationToken);

    ValueTask PassLayerAsync(ReleaseLayer layer, string what, CancellationToken cancellationToken);
}

/// <param name="Name">What messages call them: what they are, and where they were found.</param>
internal readonly record struct NamedBytes(ReadOnlyMemory<byte> Bytes, string Name);
