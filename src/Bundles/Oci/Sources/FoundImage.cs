using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Oci;

/// <summary>An image whose blobs are all in a spool, and agree.</summary>
/// <param name="MediaType">Of its manifest.</param>
/// <param name="Layers">What each unpacks to; the lowest first.</param>
internal sealed record FoundImage(Blob Manifest, string MediaType, IReadOnlyList<UnpackedLayer> Layers);

/// <summary>Looks at images before they are signed for, as an appliance will look at them.</summary>
internal sealed class ImageExamination(BlobSpool spool, Platform platform)
{
    private readonly Dictionary<(string Digest, bool IsGzip), UnpackedLayer> known = [];
    private readonly StoredBlobs blobs = new(spool.OpenAsync);

    /// <param name="name">What messages call it.</param>
    /// <exception cref="RefusedException">Its parts do not agree, or it is for another platform.</exception>
    public async Task<FoundImage> ExamineAsync(
        Blob manifest,
        string mediaType,
        string name,
        CancellationToken cancellationToken
    )
    {
        var read = ImageManifest.Parse(
            await blobs.ReadAsync(manifest, $"the manifest of {name}", cancellationToken),
            mediaType
        );
        var config = ImageConfig.Parse(
            await blobs.ReadAsync(read.Config, $"the configuration of {name}", cancellationToken)
        );
        if (!platform.Takes(config.Os, config.Architecture, variant: null))
            throw new RefusedException(
                $"{name} is for {config.Os}/{config.Architecture}, and the release for {platform}: build it for that, or say --platform"
            );
        if (config.DiffIds.Count != read.Layers.Count)
            throw new RefusedException(
                $"{name} has {read.Layers.Count} layers in its manifest, and {config.DiffIds.Count} in its configuration"
            );

        var layers = new List<UnpackedLayer>();
        foreach (var (layer, diffId) in read.Layers.Zip(config.DiffIds))
        {
            var unpacked = await UnpackAsync(layer, name, cancellationToken);
            if (unpacked.DiffId != diffId)
                throw new RefusedException(
                    $"the layer {layer.Blob.Digest} of {name} unpacks to {unpacked.DiffId}, and its configuration says {diffId}: it is damaged; save it again"
                );
            layers.Add(unpacked);
        }
        return new(manifest, mediaType, layers);
    }

    private async Task<UnpackedLayer> UnpackAsync(ManifestLayer layer, string name, CancellationToken cancellationToken)
    {
        var key = (layer.Blob.Digest, layer.IsGzip);
        if (known.TryGetValue(key, out var before))
            return before;
        try
        {
            return known[key] = await spool.ExamineAsync(layer.Blob, layer.IsGzip, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            throw new RefusedException($"the layer {layer.Blob.Digest} of {name} is damaged: {e.Message}", e);
        }
    }
}
