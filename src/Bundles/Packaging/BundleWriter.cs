using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Packaging;

/// <summary>Writes bundles: the same metadata and blobs give the same bytes.</summary>
public static class BundleWriter
{
    /// <param name="output">Where it goes; flushed, and left open.</param>
    /// <param name="metadata">All of the signer's, with a target for the descriptor.</param>
    /// <param name="descriptor">Of the release, as it was signed.</param>
    /// <param name="deltas">What stands in the place of layers, as it was signed; null: every layer stands there itself.</param>
    /// <param name="open">Opens a blob of the release, or a delta, from its beginning.</param>
    /// <param name="bytesWritten">Is told how long the bundle is so far; may be null.</param>
    /// <param name="cancellationToken">Cancels the writing; what was written is then of no use.</param>
    /// <exception cref="RefusedException">A blob is not what its digest says, or does not fit to the others.</exception>
    /// <exception cref="IOException">A blob cannot be read, or the output cannot be written.</exception>
    public static async Task<ReleaseContent> WriteAsync(
        Stream output,
        MetadataSet metadata,
        ReadOnlyMemory<byte> descriptor,
        ReleaseDeltas? deltas,
        Func<Blob, CancellationToken, ValueTask<Stream>> open,
        IProgress<long>? bytesWritten,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(metadata);
        ArgumentNullException.ThrowIfNull(open);

        var release = ReleaseDescriptor.Parse(descriptor);
        var bundle = new BundleOutput(output, bytesWritten);
        for (var i = 0; i < metadata.Roots.Count; i++)
            await bundle.AddAsync(BundleNames.Root(i + 1), metadata.Roots[i], cancellationToken);
        await bundle.AddAsync(BundleNames.Timestamp, metadata.Timestamp, cancellationToken);
        var (snapshot, targets) = MetadataVersions.Of(metadata);
        await bundle.AddAsync(BundleNames.Snapshot(snapshot), metadata.Snapshot, cancellationToken);
        await bundle.AddAsync(BundleNames.Targets(targets), metadata.Targets, cancellationToken);
        var target = BundleNames.Target(release.TargetPath);
        await bundle.AddAsync(target, descriptor, cancellationToken);
        if (deltas is not null)
            await bundle.AddAsync(BundleNames.Deltas(release.TargetPath), deltas.ToBytes(), cancellationToken);

        await bundle.AddAsync(BundleNames.Layout, BundleNames.LayoutContent, cancellationToken);
        var index = await ReleaseIndex.ReadAsync(release, new StoredBlobs(open), cancellationToken);
        await bundle.AddAsync(BundleNames.LayoutIndex, index.RenderLayout(release), cancellationToken);
        await bundle.AddAsync(BundleNames.Blob(release.Index), index.Render(), cancellationToken);

        var blobs = new LeavingBlobs(bundle, new DeltaTurns(deltas), open);
        var content = await ReleaseWalk.RunAsync(release, index, blobs, cancellationToken);
        blobs.Turns.DemandAll();
        await bundle.EndAsync(cancellationToken);
        return content;
    }

    /// <summary>The blobs on their way into a bundle. They are hashed once more: what was stored may have changed since.</summary>
    private sealed class LeavingBlobs(
        BundleOutput bundle,
        DeltaTurns turns,
        Func<Blob, CancellationToken, ValueTask<Stream>> open
    ) : IReleaseVisitor
    {
        private readonly StoredBlobs stored = new(open);

        public DeltaTurns Turns => turns;

        public async ValueTask<NamedBytes> ReadAsync(Blob blob, string what, CancellationToken cancellationToken)
        {
            var bytes = await stored.ReadAsync(blob, what, cancellationToken);
            await bundle.AddAsync(BundleNames.Blob(blob), bytes.Bytes, cancellationToken);
            return bytes;
        }

        public async ValueTask PassAsync(Blob blob, string what, CancellationToken cancellationToken)
        {
            await using var stream = await open(blob, cancellationToken);
            var digest = await bundle.AddAsync(BundleNames.Blob(blob), blob.Size, stream, what, cancellationToken);
            if (digest != blob.Digest)
                throw new RefusedException($"{what} was announced as {blob.Digest}, and is {digest}");
        }

        public async ValueTask PassLayerAsync(ReleaseLayer layer, string what, CancellationToken cancellationToken)
        {
            var instead = turns.InPlaceOf(layer);
            foreach (var blob in instead ?? [layer.Blob])
                await PassAsync(blob, instead is null ? what : $"a delta for {what}", cancellationToken);
        }
    }
}
