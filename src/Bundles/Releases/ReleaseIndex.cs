using System.Text.Json.Nodes;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

/// <summary>The OCI image index that is a release.</summary>
/// <param name="Artifact">The manifest that holds <c>release.json</c>, the Compose file and what it names.</param>
/// <param name="Images">Each reference once.</param>
internal sealed record ReleaseIndex(Blob Artifact, IReadOnlyList<IndexedImage> Images)
{
    private const string ReferenceName = "org.opencontainers.image.ref.name";

    public byte[] Render() => Render([ArtifactEntry(), .. Images.Select(Entry)]);

    /// <summary><c>index.json</c> of the layout around it: the release by its version, each image by its reference.</summary>
    public byte[] RenderLayout(ReleaseDescriptor descriptor)
    {
        var release = ImageManifest.Descriptor(descriptor.Index, MediaTypes.Index);
        release["annotations"] = new JsonObject { [ReferenceName] = descriptor.Version.Text };
        return Render([release, .. Images.Select(Entry)]);
    }

    public static async ValueTask<ReleaseIndex> ReadAsync(
        ReleaseDescriptor descriptor,
        IReleaseVisitor visitor,
        CancellationToken cancellationToken
    )
    {
        if (descriptor.Index.Size > Limits.Manifest)
            throw new RefusedException(
                $"the release's index has {descriptor.Index.Size} bytes; at most {Limits.Manifest} are allowed"
            );
        return Parse(await visitor.ReadAsync(descriptor.Index, "the release's index", cancellationToken));
    }

    private static ReleaseIndex Parse(NamedBytes document)
    {
        var manifests = JsonField.Parse(document)["manifests"];
        var entries = manifests.Items(Limits.Images + 1);
        if (entries.Count == 0)
            throw manifests.Refused("must begin with the manifest of the release's files");

        var index = new ReleaseIndex(entries[0].Blob(Limits.Manifest), [.. entries.Skip(1).Select(e => ParseImage(e))]);
        Canonical.Check(document.Bytes.Span, index.Render(), document.Name);
        if (index.Images.GroupBy(i => i.Reference).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw manifests.Refused($"{twice.Key} is there twice");
        return index;
    }

    private static IndexedImage ParseImage(JsonField entry)
    {
        var type = entry["mediaType"].Text();
        if (!MediaTypes.IsManifest(type))
            throw entry["mediaType"].Refused($"{type} is not the manifest of a container image");

        var name = entry["annotations"][ReferenceName];
        if (ImageReference.TryParse(name.Text())?.ToString() != name.Text())
            throw name.Refused($"\"{name.Text()}\" is not a whole reference of an image, as demo/web:1.0.0");
        return new(name.Text(), type, entry.Blob(Limits.Manifest));
    }

    private JsonObject ArtifactEntry()
    {
        var entry = ImageManifest.Descriptor(Artifact, MediaTypes.Manifest);
        entry["artifactType"] = MediaTypes.Release;
        return entry;
    }

    private static JsonObject Entry(IndexedImage image)
    {
        var entry = ImageManifest.Descriptor(image.Manifest, image.MediaType);
        entry["annotations"] = new JsonObject { [ReferenceName] = image.Reference };
        return entry;
    }

    private static byte[] Render(IEnumerable<JsonObject> entries) =>
        Canonical.Render(
            new JsonObject
            {
                ["manifests"] = new JsonArray([.. entries]),
                ["mediaType"] = MediaTypes.Index,
                ["schemaVersion"] = 2,
            }
        );
}

internal sealed record IndexedImage(string Reference, string MediaType, Blob Manifest);
