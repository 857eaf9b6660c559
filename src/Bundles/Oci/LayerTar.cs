using System.IO.Compression;
using System.Security.Cryptography;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Oci;

/// <summary>The unpacked tar of a layer, as a file is made of it.</summary>
public static class LayerTar
{
    private const int BufferSize = 128 * 1024;

    /// <summary>Unpacks a layer, and makes sure that it is what it was when it was signed.</summary>
    /// <param name="stored">The layer as it is stored; closed when it was read.</param>
    /// <param name="tar">Is given the tar.</param>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    public static async Task UnpackAsync(
        Stream stored,
        ReleaseLayer layer,
        Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> tar,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(layer);
        ArgumentNullException.ThrowIfNull(tar);
        await using var unpacked = layer.IsGzip ? new GZipStream(stored, CompressionMode.Decompress) : stored;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferSize];
        var size = 0L;
        while (await unpacked.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            if ((size += read) > layer.UnpackedSize)
                throw new InvalidDataException($"it unpacks to more than {layer.UnpackedSize} bytes");
            hash.AppendData(buffer, 0, read);
            await tar(buffer.AsMemory(0, read), cancellationToken);
        }
        if (Sha256.Finish(hash) is var digest && digest != layer.DiffId)
            throw new InvalidDataException($"it unpacks to {digest}, and {layer.DiffId} was signed for");
    }
}
