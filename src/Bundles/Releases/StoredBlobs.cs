using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

/// <summary>Blobs that are stored somewhere: what the walk needs is read, the rest is left where it is.</summary>
internal sealed class StoredBlobs(Func<Blob, CancellationToken, ValueTask<Stream>> open) : IReleaseVisitor
{
    public async ValueTask<NamedBytes> ReadAsync(Blob blob, string what, CancellationToken cancellationToken)
    {
        await using var stream = await open(blob, cancellationToken);
        var bytes = new byte[blob.Size + 1];
        var length = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        if (length != blob.Size)
            throw new RefusedException($"{what} ({blob.Digest}) has not the {blob.Size} bytes that were announced");
        if (Sha256.Of(bytes.AsSpan(0, length)) is var digest && digest != blob.Digest)
            throw new RefusedException($"{what} was announced as {blob.Digest}, and is {digest}");
        return new(bytes.AsMemory(0, length), $"{what} ({blob.Digest})");
    }

    public ValueTask PassAsync(Blob blob, string what, CancellationToken cancellationToken) => default;

    public ValueTask PassLayerAsync(ReleaseLayer layer, string what, CancellationToken cancellationToken) => default;
}
