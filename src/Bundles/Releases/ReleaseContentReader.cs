namespace Appliance.Bundles.Releases;

/// <summary>Reads a release again from blobs that were stored when it was verified.</summary>
public static class ReleaseContentReader
{
    /// <param name="descriptor">The release, as it was signed.</param>
    /// <param name="open">Opens a stored blob; only indexes, manifests and documents are asked for, never layers.</param>
    /// <exception cref="RefusedException">A stored blob is not what its digest says, or does not fit to the others.</exception>
    /// <exception cref="IOException">Thrown by what <paramref name="open"/> gives.</exception>
    public static async Task<ReleaseContent> ReadAsync(
        ReleaseDescriptor descriptor,
        Func<Blob, CancellationToken, ValueTask<Stream>> open,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        ArgumentNullException.ThrowIfNull(open);
        var visitor = new StoredBlobs(open);
        var index = await ReleaseIndex.ReadAsync(descriptor, visitor, cancellationToken);
        return await ReleaseWalk.RunAsync(descriptor, index, visitor, cancellationToken);
    }
}
