using System.Formats.Tar;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Oci;

/// <summary>
/// A docker-archive, as <c>docker save</c> writes it, taken apart while it streams: with <c>ID/layer.tar</c> and links
/// between layers, or with <c>blobs/sha256/…</c>. It holds no manifests that could be kept, so one is made.
/// </summary>
internal sealed class DockerArchive
{
    private const int MaxEntries = 100_000;
    private const int MaxLinks = 16;
    private const string ManifestName = "manifest.json";

    private readonly BlobSpool spool;
    private readonly string name;
    private readonly Dictionary<string, Blob> files = [];
    private readonly Dictionary<string, string> links = [];

    private DockerArchive(BlobSpool spool, string name) => (this.spool, this.name) = (spool, name);

    /// <summary>Stores an archive's blobs, and gives the manifests of its images, each by its references.</summary>
    /// <param name="archive">Read once, to its end; not compressed.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="RefusedException">It is not a docker-archive.</exception>
    public static async Task<IReadOnlyList<(string Reference, Blob Manifest)>> ReadAsync(
        Stream archive,
        string name,
        BlobSpool spool,
        CancellationToken cancellationToken
    )
    {
        var reader = new DockerArchive(spool, name);
        try
        {
            await reader.StoreAsync(archive, cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException)
        {
            throw new RefusedException($"{name} is not a docker-archive: {e.Message}", e);
        }
        return await reader.ImagesAsync(cancellationToken);
    }

    private async Task StoreAsync(Stream archive, CancellationToken cancellationToken)
    {
        await using var tar = new TarReader(archive, leaveOpen: true);
        // What is needed is known only when the manifest has come, and that may be last.
        for (var count = 0; await tar.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry; count++)
        {
            if (count >= MaxEntries)
                throw new InvalidDataException($"it has more than {MaxEntries} entries");
            var path = entry.Name.TrimStart('.', '/');
            if (entry.EntryType is TarEntryType.SymbolicLink)
                links[path] = Path.GetFullPath(Path.Combine("/", path, "..", entry.LinkName))[1..];
            else if (entry.EntryType is TarEntryType.HardLink)
                links[path] = entry.LinkName;
            else if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
                files[path] = await spool.AddAsync(entry.DataStream ?? Stream.Null, entry.Length, cancellationToken);
        }
    }

    private async Task<IReadOnlyList<(string Reference, Blob Manifest)>> ImagesAsync(
        CancellationToken cancellationToken
    )
    {
        var images = new List<(string, Blob)>();
        var manifest = JsonField.Parse(await DocumentAsync(ManifestName, cancellationToken));
        foreach (var image in manifest.Items(Limits.Images))
        {
            var tags = image["RepoTags"];
            if (tags.IsNull)
                continue;
            var blob = await ManifestOfAsync(image, cancellationToken);
            images.AddRange(tags.Items(Limits.Images).Select(tag => (tag.Text(), blob)));
        }
        return images;
    }

    private async Task<Blob> ManifestOfAsync(JsonField image, CancellationToken cancellationToken)
    {
        var layers = new List<ManifestLayer>();
        foreach (var layer in image["Layers"].Items(Limits.Layers))
        {
            var blob = Find(layer.Text());
            layers.Add(new(blob, await IsGzipAsync(blob, layer, cancellationToken)));
        }

        var config = Find(image["Config"].Text());
        if (config.Size > Limits.Config)
            throw image["Config"].Refused($"has {config.Size} bytes; at most {Limits.Config} are allowed");
        return await spool.AddAsync(ImageManifest.Render(config, layers), cancellationToken);
    }

    private async Task<bool> IsGzipAsync(Blob blob, JsonField layer, CancellationToken cancellationToken)
    {
        await using var stream = await spool.OpenAsync(blob, cancellationToken);
        return await Compression.OfAsync(stream, cancellationToken) switch
        {
            Compression.Kind.Zstd => throw layer.Refused(
                "is compressed with zstd, which not every engine can load; build the image with gzip"
            ),
            var kind => kind == Compression.Kind.Gzip,
        };
    }

    private async Task<NamedBytes> DocumentAsync(string path, CancellationToken cancellationToken)
    {
        var blob = Find(path);
        if (blob.Size > Limits.Manifest)
            throw new RefusedException($"{name}: {path} has {blob.Size} bytes; at most {Limits.Manifest} are allowed");
        var bytes = await new StoredBlobs(spool.OpenAsync).ReadAsync(blob, path, cancellationToken);
        return bytes with { Name = $"{name}, {path}" };
    }

    private Blob Find(string path)
    {
        var target = path;
        for (var i = 0; i < MaxLinks && links.TryGetValue(target, out var next); i++)
            target = next;
        return files.TryGetValue(target, out var blob)
            ? blob
            : throw new RefusedException($"{name} is not a whole docker-archive: {path} is not in it");
    }
}
