using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Oci;

/// <summary>A folder that is an OCI layout. Its manifests are kept byte for byte, its blobs are used where they lie.</summary>
internal sealed class OciLayout
{
    private const int MaxNesting = 4;
    private const string ReferenceName = "org.opencontainers.image.ref.name";
    private const string ContainerdName = "io.containerd.image.name";

    private readonly string folder;
    private readonly BlobSpool spool;
    private readonly StoredBlobs blobs;
    private readonly IReadOnlyList<JsonField> entries;

    public string Folder => folder;

    private OciLayout(string folder, BlobSpool spool, IReadOnlyList<JsonField> entries)
    {
        this.folder = folder;
        this.spool = spool;
        this.entries = entries;
        blobs = new(spool.OpenAsync);
    }

    public static bool IsOne(string folder) => File.Exists(Path.Combine(folder, "oci-layout"));

    /// <exception cref="RefusedException">The folder is not a layout that we can read.</exception>
    public static async Task<OciLayout> OpenAsync(string folder, BlobSpool spool, CancellationToken cancellationToken)
    {
        var marker = JsonField.Parse(await ReadAsync(folder, "oci-layout", cancellationToken));
        if (marker["imageLayoutVersion"].Text() is var version and not "1.0.0")
            throw marker["imageLayoutVersion"].Refused($"is {version}, and 1.0.0 is what can be read");
        var index = JsonField.Parse(await ReadAsync(folder, "index.json", cancellationToken));
        return new(folder, spool, index["manifests"].Items(Limits.Images));
    }

    /// <summary>Finds an image by its reference: by digest if it has one, else by name.</summary>
    /// <returns>Null when it is not here.</returns>
    /// <exception cref="RefusedException">There are several, or it is not whole.</exception>
    public async Task<(Blob Manifest, string MediaType)?> FindAsync(
        ImageReference reference,
        Platform platform,
        CancellationToken cancellationToken
    )
    {
        (Blob Manifest, string MediaType)? found = null;
        foreach (var entry in entries)
        {
            if (reference.Digest is { } digest ? entry["digest"].Digest() != digest : !IsNamed(entry, reference))
                continue;
            var image = await ChooseAsync(entry, reference, platform, cancellationToken);
            if (found is not null && found != image)
                throw new RefusedException($"{folder} holds different images called {reference}");
            found = image;
        }
        return found;
    }

    private static bool IsNamed(JsonField entry, ImageReference reference)
    {
        var annotations = entry["annotations"];
        if (annotations.IsNull)
            return false;
        var wanted = Familiar.Of(reference);
        return ((string[])[ReferenceName, ContainerdName]).Any(key =>
            annotations[key].OptionalText() is { } name
            && ImageReference.TryParse(name) is { } named
            && Familiar.Of(named) == wanted
        );
    }

    private async Task<(Blob Manifest, string MediaType)> ChooseAsync(
        JsonField entry,
        ImageReference reference,
        Platform platform,
        CancellationToken cancellationToken
    )
    {
        for (var depth = 0; MediaTypes.IsIndex(entry["mediaType"].Text()); depth++)
        {
            if (depth == MaxNesting)
                throw entry.Refused($"indexes are nested more than {MaxNesting} deep");
            var index = JsonField.Parse(await BlobAsync(entry, $"an index of {reference}", cancellationToken));
            entry = ForPlatform(index["manifests"], reference, platform);
        }

        var type = entry["mediaType"].Text();
        if (!MediaTypes.IsManifest(type))
            throw entry["mediaType"].Refused($"{type} is not the manifest of a container image");
        await AddAllAsync(entry, type, reference, cancellationToken);
        return (entry.Blob(Limits.Manifest), type);
    }

    private static JsonField ForPlatform(JsonField manifests, ImageReference reference, Platform platform)
    {
        var found = manifests.Items(Limits.Images).Where(m => !m["platform"].IsNull).ToList();
        foreach (var entry in found)
        {
            if (platform.Takes(Part(entry, "os"), Part(entry, "architecture"), Part(entry, "variant")))
                return entry;
        }
        var list = string.Join(", ", found.Select(m => $"{Part(m, "os")}/{Part(m, "architecture")}"));
        throw manifests.Refused(
            $"{reference} is not there for {platform}, only for {list}: add it, or choose one with --platform"
        );
    }

    private static string Part(JsonField entry, string name) => entry["platform"][name].OptionalText() ?? "";

    private async Task AddAllAsync(
        JsonField entry,
        string mediaType,
        ImageReference reference,
        CancellationToken cancellationToken
    )
    {
        var bytes = await BlobAsync(entry, $"the manifest of {reference}", cancellationToken);
        var manifest = ImageManifest.Parse(bytes, mediaType);
        foreach (var blob in manifest.Layers.Select(l => l.Blob).Prepend(manifest.Config))
            Add(blob);
    }

    private ValueTask<NamedBytes> BlobAsync(JsonField entry, string what, CancellationToken cancellationToken)
    {
        var blob = entry.Blob(Limits.Manifest);
        Add(blob);
        return blobs.ReadAsync(blob, what, cancellationToken);
    }

    private void Add(Blob blob)
    {
        var path = Path.Combine(folder, "blobs", "sha256", Sha256.Hex(blob.Digest));
        if (!spool.Holds(blob) && !File.Exists(path))
            throw new RefusedException($"{path} is missing: the layout is not whole; copy it again");
        spool.AddInPlace(blob, path);
    }

    private static async Task<NamedBytes> ReadAsync(string folder, string file, CancellationToken cancellationToken)
    {
        var path = Path.Combine(folder, file);
        var bytes = await RegularFile.ReadAsync(path, Limits.Manifest, cancellationToken);
        return bytes.Length <= Limits.Manifest
            ? new(bytes, path)
            : throw new RefusedException($"{path} has more than {Limits.Manifest} bytes");
    }
}
