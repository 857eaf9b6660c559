using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Packaging;

/// <summary>
/// A bundle whose metadata and descriptor hold. What follows in the stream is verified by digest as it is read.
/// </summary>
public sealed class VerifiedBundle
{
    private readonly BundleInput input;
    private bool isRead;

    internal VerifiedBundle(
        BundleInput input,
        ReleaseDescriptor descriptor,
        ReleaseDeltas? deltas,
        TrustedState newState,
        DateTimeOffset expiresAt
    )
    {
        this.input = input;
        Descriptor = descriptor;
        Deltas = deltas;
        NewState = newState;
        ExpiresAt = expiresAt;
    }

    public ReleaseDescriptor Descriptor { get; }

    /// <summary>What stands in the place of layers that the bundle does not hold; null: it holds all.</summary>
    public ReleaseDeltas? Deltas { get; }

    /// <summary>What to trust once this release is committed.</summary>
    public TrustedState NewState { get; }

    /// <summary>From when on this bundle is no longer accepted, unless a person agrees.</summary>
    public DateTimeOffset ExpiresAt { get; }

    /// <summary>
    /// Reads the release to the end of the stream; once. A blob is completed only when its bytes are known to be right,
    /// and a layer only when it also unpacks to what was signed. Of a layer that comes as deltas, those are completed.
    /// </summary>
    /// <param name="sink">Where blobs go. Those that were completed before a refusal are whole, and signed for.</param>
    /// <param name="bytesRead">Is told how much of the stream was read; may be null.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    /// <exception cref="RefusedException">Something is not what was signed, or is there twice, too much or not at all.</exception>
    /// <exception cref="IOException">The stream cannot be read, or the sink cannot be written.</exception>
    public async Task<ReleaseContent> ReadReleaseAsync(
        IBlobSink sink,
        IProgress<long>? bytesRead,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(sink);
        if (isRead)
            throw new InvalidOperationException("The stream has passed.");
        isRead = true;

        await ExpectAsync(BundleNames.Layout, BundleNames.LayoutContent, cancellationToken);
        var layoutIndex = await ReadLayoutIndexAsync(cancellationToken);

        var blobs = new ArrivingBlobs(input, Deltas, sink, bytesRead);
        var indexAt = input.Position;
        var index = await ReleaseIndex.ReadAsync(Descriptor, blobs, cancellationToken);
        Canonical.Check(
            layoutIndex.Span,
            index.RenderLayout(Descriptor),
            $"{BundleNames.LayoutIndex}, before byte {indexAt},"
        );

        var content = await ReleaseWalk.RunAsync(Descriptor, index, blobs, cancellationToken);
        blobs.Turns.DemandAll();
        await input.EndArchiveAsync(cancellationToken);
        bytesRead?.Report(input.Position);
        return content;
    }

    private async ValueTask ExpectAsync(string name, byte[] content, CancellationToken cancellationToken)
    {
        await input.BeginAsync(name, content.Length, name, cancellationToken);
        var bytes = await input.ReadAllAsync(content.Length, name, cancellationToken);
        if (!bytes.Span.SequenceEqual(content))
            throw input.RefusedEntry($"{name} is not what it is in every bundle");
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadLayoutIndexAsync(CancellationToken cancellationToken)
    {
        const string name = BundleNames.LayoutIndex;
        var (_, size) = await input.BeginAsync(name, n => n == name, Limits.Manifest, cancellationToken);
        return await input.ReadAllAsync(size, name, cancellationToken);
    }
}
