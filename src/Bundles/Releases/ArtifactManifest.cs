using System.Text.Json.Nodes;
using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

/// <summary>The manifest that holds a release's own files; <c>release.json</c> and <c>compose.yaml</c> come first.</summary>
internal sealed record ArtifactManifest(Blob Document, IReadOnlyList<ReleaseFile> Files)
{
    private const string Title = "org.opencontainers.image.title";

    /// <summary>An artifact has no configuration, and says so with this.</summary>
    public static readonly byte[] EmptyConfig = "{}"u8.ToArray();

    public static Blob Empty { get; } = Sha256.BlobOf(EmptyConfig);

    public byte[] Render() =>
        Canonical.Render(
            new JsonObject
            {
                ["artifactType"] = MediaTypes.Release,
                ["config"] = ImageManifest.Descriptor(Empty, MediaTypes.Empty),
                ["layers"] = new JsonArray([
                    Entry(new(ReleasePath.Document, Document), MediaTypes.ReleaseDocument),
                    .. Files.Select((f, i) => Entry(f, i == 0 ? MediaTypes.Compose : MediaTypes.File)),
                ]),
                ["mediaType"] = MediaTypes.Manifest,
                ["schemaVersion"] = 2,
            }
        );

    public static ArtifactManifest Parse(NamedBytes document)
    {
        var layers = JsonField.Parse(document)["layers"];
        var entries = layers.Items(Limits.Files + 2);
        if (entries.Count < 2)
            throw layers.Refused($"must begin with {ReleasePath.Document} and {ReleasePath.Compose}");

        var manifest = new ArtifactManifest(
            entries[0].Blob(Limits.ReleaseDocument),
            [.. entries.Skip(1).Select(e => ParseFile(e))]
        );
        Canonical.Check(document.Bytes.Span, manifest.Render(), document.Name);
        if (manifest.Files[0].Path != ReleasePath.Compose)
            throw layers.Refused($"the second is {manifest.Files[0].Path}, and must be {ReleasePath.Compose}");
        CheckPaths(layers, [.. manifest.Files.Skip(1).Select(f => f.Path)]);
        return manifest;
    }

    private static void CheckPaths(JsonField layers, IReadOnlyList<string> paths)
    {
        if (!paths.SequenceEqual(paths.Distinct().Order(StringComparer.Ordinal)))
            throw layers.Refused("the files are not in the order of their names, or one is there twice");
        if (paths.FirstOrDefault(p => p is ReleasePath.Compose or ReleasePath.Document) is { } twice)
            throw layers.Refused($"{twice} is there twice");
        if (ReleasePath.FileAndFolder([ReleasePath.Compose, ReleasePath.Document, .. paths]) is { } path)
            throw layers.Refused($"{path} lies in what is also a file");
    }

    private static ReleaseFile ParseFile(JsonField entry)
    {
        var title = entry["annotations"][Title];
        return ReleasePath.IsValid(title.Text())
            ? new(title.Text(), entry.Blob(Limits.File))
            : throw title.Refused($"\"{title.Text()}\" is not the name of a file of a release");
    }

    private static JsonObject Entry(ReleaseFile file, string mediaType)
    {
        var entry = ImageManifest.Descriptor(file.Blob, mediaType);
        entry["annotations"] = new JsonObject { [Title] = file.Path };
        return entry;
    }
}
