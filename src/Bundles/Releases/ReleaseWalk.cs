using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

/// <summary>
/// The way from a release's index to all its blobs: what follows from what, in which order, and all that has to agree.
/// Writing a bundle, reading one, and reading what is stored are this walk with different visitors.
/// </summary>
internal sealed class ReleaseWalk
{
    private readonly ReleaseDescriptor descriptor;
    private readonly IReleaseVisitor visitor;
    private readonly CancellationToken cancellationToken;

    private readonly List<Blob> blobs = [];
    private readonly Dictionary<string, (long Size, Role Role)> seen = [];
    private readonly Dictionary<(string Digest, string MediaType), ImageManifest> manifests = [];
    private readonly Dictionary<string, ImageConfig> configs = [];
    private readonly Dictionary<string, ReleaseLayer> layers = [];
    private readonly List<string> layerOrder = [];

    private ReleaseWalk(ReleaseDescriptor descriptor, IReleaseVisitor visitor, CancellationToken cancellationToken) =>
        (this.descriptor, this.visitor, this.cancellationToken) = (descriptor, visitor, cancellationToken);

    private enum Role
    {
        Index,
        Artifact,
        File,
        Manifest,
        Config,
        Layer,
    }

    /// <param name="index">Read already: a bundle says things about it before it begins.</param>
    /// <exception cref="RefusedException">Something does not agree.</exception>
    public static Task<ReleaseContent> RunAsync(
        ReleaseDescriptor descriptor,
        ReleaseIndex index,
        IReleaseVisitor visitor,
        CancellationToken cancellationToken
    ) => new ReleaseWalk(descriptor, visitor, cancellationToken).RunAsync(index);

    private async Task<ReleaseContent> RunAsync(ReleaseIndex index)
    {
        IsNew(descriptor.Index, Role.Index, "the release's index");
        var (document, files) = await FilesAsync(index.Artifact);
        var unpacked = document.Layers.ToDictionary(l => l.Digest);

        var images = new List<ReleaseImage>();
        foreach (var image in index.Images)
            images.Add(await ImageAsync(image, unpacked));

        if (!document.Layers.Select(l => l.Digest).SequenceEqual(layerOrder))
            throw new RefusedException(
                $"{ReleasePath.Document} lists {document.Layers.Count} layers, which are not the {layerOrder.Count} of the images in their order"
            );
        CheckAgent(document.Document.Agent, images);
        return new(descriptor, document.Document, files, images, blobs);
    }

    private async Task<(ReleaseJson Document, IReadOnlyList<ReleaseFile> Files)> FilesAsync(Blob manifest)
    {
        const string what = "the manifest of the release's files";
        IsNew(manifest, Role.Artifact, what);
        var artifact = ArtifactManifest.Parse(await visitor.ReadAsync(manifest, what, cancellationToken));
        await PassFileAsync(ArtifactManifest.Empty, "the empty configuration");

        IsNew(artifact.Document, Role.File, ReleasePath.Document);
        var bytes = await visitor.ReadAsync(artifact.Document, ReleasePath.Document, cancellationToken);
        var document = ReleaseJson.Parse(bytes);
        if (document.Document.Product != descriptor.Product || document.Document.Version != descriptor.Version)
            throw new RefusedException(
                $"{ReleasePath.Document} is of {document.Document.Product} {document.Document.Version}, and what was signed is {descriptor.Product} {descriptor.Version}"
            );
        if (document.Layers.GroupBy(l => l.Digest).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new RefusedException($"{ReleasePath.Document} lists the layer {twice.Key} twice");

        foreach (var file in artifact.Files)
            await PassFileAsync(file.Blob, file.Path);
        return (document, artifact.Files);
    }

    private static void CheckAgent(ReleaseAgent? agent, IReadOnlyList<ReleaseImage> images)
    {
        if (agent is null)
            return;
        if (images.FirstOrDefault(i => i.Reference == agent.Reference) is not { } image)
            throw new RefusedException(
                $"{ReleasePath.Document} names {agent.Reference} as the agent, which is not among the images"
            );
        if (image.Layers.Count != 1)
            throw new RefusedException(
                $"the agent's image {agent.Reference} has {image.Layers.Count} layers, and must have one"
            );
    }

    private async Task PassFileAsync(Blob blob, string what)
    {
        if (IsNew(blob, Role.File, what))
            await visitor.PassAsync(blob, what, cancellationToken);
    }

    private async Task<ReleaseImage> ImageAsync(IndexedImage image, Dictionary<string, UnpackedLayer> unpacked)
    {
        var manifest = await ManifestAsync(image);
        var config = await ConfigAsync(manifest.Config, image.Reference);
        if (config.DiffIds.Count != manifest.Layers.Count)
            throw new RefusedException(
                $"the image {image.Reference} has {manifest.Layers.Count} layers in its manifest, and {config.DiffIds.Count} in its configuration"
            );

        var own = new List<ReleaseLayer>();
        foreach (var (layer, diffId) in manifest.Layers.Zip(config.DiffIds))
            own.Add(await LayerAsync(layer, diffId, image.Reference, unpacked));
        return new(image.Reference, image.Manifest, manifest.Config, own);
    }

    private async Task<ImageManifest> ManifestAsync(IndexedImage image)
    {
        var what = $"the manifest of {image.Reference}";
        if (!IsNew(image.Manifest, Role.Manifest, what))
            return manifests.TryGetValue((image.Manifest.Digest, image.MediaType), out var known)
                ? known
                : throw new RefusedException($"{what} ({image.Manifest.Digest}) is listed with two media types");

        var bytes = await visitor.ReadAsync(image.Manifest, what, cancellationToken);
        return manifests[(image.Manifest.Digest, image.MediaType)] = ImageManifest.Parse(bytes, image.MediaType);
    }

    private async Task<ImageConfig> ConfigAsync(Blob blob, string reference)
    {
        var what = $"the configuration of {reference}";
        return IsNew(blob, Role.Config, what)
            ? configs[blob.Digest] = ImageConfig.Parse(await visitor.ReadAsync(blob, what, cancellationToken))
            : configs[blob.Digest];
    }

    private async Task<ReleaseLayer> LayerAsync(
        ManifestLayer layer,
        string diffId,
        string reference,
        Dictionary<string, UnpackedLayer> unpacked
    )
    {
        var what = $"a layer of {reference}";
        if (!unpacked.TryGetValue(layer.Blob.Digest, out var expected))
            throw new RefusedException($"{what} ({layer.Blob.Digest}) is not listed in {ReleasePath.Document}");
        if (expected.DiffId != diffId)
            throw new RefusedException(
                $"{what} ({layer.Blob.Digest}) unpacks to {expected.DiffId} by {ReleasePath.Document}, and to {diffId} by the image's configuration"
            );
        if (!layer.IsGzip && (expected.DiffId != layer.Blob.Digest || expected.Size != layer.Blob.Size))
            throw new RefusedException(
                $"{what} ({layer.Blob.Digest}) is a plain tar, and cannot unpack to something else, which {ReleasePath.Document} says"
            );

        var release = new ReleaseLayer(layer.Blob, layer.IsGzip, diffId, expected.Size);
        if (IsNew(layer.Blob, Role.Layer, what))
        {
            layers[layer.Blob.Digest] = release;
            layerOrder.Add(layer.Blob.Digest);
            await visitor.PassLayerAsync(release, what, cancellationToken);
        }
        else if (layers[layer.Blob.Digest] != release)
            throw new RefusedException(
                $"{what} ({layer.Blob.Digest}) is a gzip in one image and a plain tar in another"
            );
        return release;
    }

    /// <summary>Whether the blob has yet to come. One that came before must have been the same, in the same role.</summary>
    private bool IsNew(Blob blob, Role role, string what)
    {
        if (seen.TryAdd(blob.Digest, (blob.Size, role)))
        {
            blobs.Add(blob);
            return true;
        }

        if (seen[blob.Digest].Size != blob.Size)
            throw new RefusedException(
                $"{what} ({blob.Digest}) is announced with {blob.Size} bytes, and with {seen[blob.Digest].Size}"
            );
        // What is read for its content is read where it stands; nothing of it is kept for a second meaning.
        if (seen[blob.Digest].Role != role)
            throw new RefusedException($"{what} ({blob.Digest}) is also something else in this release");
        return false;
    }
}
