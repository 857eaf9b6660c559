using System.IO.Compression;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Oci;

/// <summary>The images that a release can be made from: of docker-archives and OCI layouts.</summary>
public sealed class ImageLibrary
{
    private readonly BlobSpool spool;
    private readonly Platform platform;
    private readonly ImageExamination examination;
    private readonly Dictionary<string, (Blob Manifest, string Archive)> archived = [];
    private readonly List<OciLayout> layouts = [];

    /// <param name="spool">Where blobs go that are not files of their own.</param>
    /// <param name="platform">Which image is meant where there are several of one name.</param>
    public ImageLibrary(BlobSpool spool, Platform platform)
    {
        this.spool = spool;
        this.platform = platform;
        examination = new(spool, platform);
    }

    /// <summary>Adds a docker-archive (plain or gzip), an OCI layout, or a folder of these.</summary>
    /// <exception cref="RefusedException">It is none of them, or damaged, or names another image as one before did.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public async Task AddAsync(string path, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(path))
        {
            await AddFileAsync(path, cancellationToken);
            return;
        }
        if (OciLayout.IsOne(path))
        {
            layouts.Add(await OciLayout.OpenAsync(path, spool, cancellationToken));
            return;
        }

        var found = Directory
            .EnumerateFileSystemEntries(path)
            .Where(entry => Directory.Exists(entry) ? OciLayout.IsOne(entry) : IsArchive(entry))
            .Order(StringComparer.Ordinal)
            .ToList();
        if (found.Count == 0)
            throw new RefusedException(
                $"{path} holds no images: neither archives (*.tar, *.tar.gz, *.tgz) nor OCI layouts"
            );
        foreach (var entry in found)
            await AddAsync(entry, cancellationToken);
    }

    /// <summary>Adds a docker-archive as it streams, as from an engine.</summary>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="RefusedException">It is damaged, or names another image as one before did.</exception>
    public async Task AddArchiveAsync(Stream archive, string name, CancellationToken cancellationToken)
    {
        foreach (var (text, manifest) in await DockerArchive.ReadAsync(archive, name, spool, cancellationToken))
        {
            if (ImageReference.TryParse(text) is not { } reference)
                continue;
            var key = Familiar.Of(reference);
            archived.TryAdd(key, (manifest, name));
            if (archived[key].Manifest != manifest)
                throw new RefusedException($"{archived[key].Archive} and {name} hold different images called {text}");
        }
    }

    /// <summary>Whether an image is here.</summary>
    public async Task<bool> HasAsync(ImageReference reference, CancellationToken cancellationToken) =>
        await FindAsync(reference, cancellationToken) is not null;

    internal async Task<FoundImage> GetAsync(ImageReference reference, CancellationToken cancellationToken)
    {
        var (manifest, mediaType) =
            await FindAsync(reference, cancellationToken)
            ?? throw new RefusedException($"the image {reference} is in none of the places that were given");
        return await examination.ExamineAsync(manifest, mediaType, $"{reference}", cancellationToken);
    }

    private async Task<(Blob Manifest, string MediaType)?> FindAsync(
        ImageReference reference,
        CancellationToken cancellationToken
    )
    {
        (Blob Manifest, string MediaType, string Place)? found = archived.TryGetValue(
            Familiar.Of(reference),
            out var image
        )
            ? (image.Manifest, MediaTypes.Manifest, image.Archive)
            : null;
        foreach (var layout in layouts)
        {
            if (await layout.FindAsync(reference, platform, cancellationToken) is not var (manifest, mediaType))
                continue;
            if (found is not { } other)
                found = (manifest, mediaType, layout.Folder);
            else if (!await IsSameAsync(other.Manifest, other.MediaType, manifest, mediaType, cancellationToken))
                throw new RefusedException(
                    $"{other.Place} and {layout.Folder} hold different images called {reference}: leave one of them out"
                );
            else if (archived.ContainsKey(Familiar.Of(reference)))
                // The manifest of an archive was made here; that of a layout may have been signed.
                found = (manifest, mediaType, layout.Folder);
        }
        return found is { } one ? (one.Manifest, one.MediaType) : null;
    }

    // An image is what its configuration says it is: that names all layers as they unpack.
    private async Task<bool> IsSameAsync(
        Blob manifest,
        string mediaType,
        Blob other,
        string otherType,
        CancellationToken cancellationToken
    ) =>
        manifest == other
        || await ConfigOfAsync(manifest, mediaType, cancellationToken)
            == await ConfigOfAsync(other, otherType, cancellationToken);

    private async Task<Blob> ConfigOfAsync(Blob manifest, string mediaType, CancellationToken cancellationToken) =>
        ImageManifest
            .Parse(
                await new StoredBlobs(spool.OpenAsync).ReadAsync(manifest, "a manifest", cancellationToken),
                mediaType
            )
            .Config;

    private async Task AddFileAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = RegularFile.Open(path);
        var compression = await Compression.OfAsync(file, cancellationToken);
        file.Position = 0;
        if (compression != Compression.Kind.Gzip)
        {
            await AddArchiveAsync(file, path, cancellationToken);
            return;
        }
        await using var gzip = new GZipStream(file, CompressionMode.Decompress);
        await AddArchiveAsync(gzip, path, cancellationToken);
    }

    private static bool IsArchive(string path) =>
        ((string[])[".tar", ".tar.gz", ".tgz"]).Any(end => path.EndsWith(end, StringComparison.Ordinal));
}
