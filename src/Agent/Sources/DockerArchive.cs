using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;

namespace Appliance.Agent.Sources;

/// <summary>
/// Reads which images a docker-archive (<c>docker save</c>, plain or gzip) holds, without unpacking it: the layers are
/// skipped, and memory stays flat however big they are.
/// </summary>
internal static class DockerArchive
{
    private const int MaxDocument = 8 * 1024 * 1024;
    private const int MaxEntries = 100_000;

    /// <exception cref="InvalidDataException">The file is not a docker-archive; the message names it and says why.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static async Task<IReadOnlyList<ArchivedImage>> ReadAsync(string path, CancellationToken ct)
    {
        try
        {
            await using var file = File.OpenRead(path);
            await using Stream stream = await IsGzipAsync(file, ct)
                ? new GZipStream(file, CompressionMode.Decompress)
                : file;
            return await ReadAsync(stream, path, ct);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException or JsonException)
        {
            throw new InvalidDataException($"{path} is not a docker-archive: {e.Message}", e);
        }
    }

    private static async Task<IReadOnlyList<ArchivedImage>> ReadAsync(Stream stream, string path, CancellationToken ct)
    {
        byte[]? manifest = null;
        // The manifest comes last in what an engine saves, so every document small enough to be a config is kept as a digest.
        var digests = new Dictionary<string, string>();
        await using var tar = new TarReader(stream);
        for (var count = 0; await tar.GetNextEntryAsync(copyData: false, ct) is { } entry; count++)
        {
            if (count >= MaxEntries)
                throw new InvalidDataException($"it has more than {MaxEntries} entries");
            if (entry.DataStream is not { } data || entry.Length > MaxDocument)
                continue;
            var isManifest = entry.Name is "manifest.json";
            if (!isManifest && !CouldBeConfig(entry.Name))
                continue;
            var bytes = new byte[entry.Length];
            await data.ReadExactlyAsync(bytes, ct);
            if (isManifest)
                manifest = bytes;
            else
                digests[entry.Name] = Convert.ToHexStringLower(SHA256.HashData(bytes));
        }

        if (manifest is null)
            throw new InvalidDataException("it has no manifest.json");
        return [.. ImagesIn(manifest, digests, path)];
    }

    private static IEnumerable<ArchivedImage> ImagesIn(byte[] manifest, Dictionary<string, string> digests, string path)
    {
        using var document = JsonDocument.Parse(manifest, new JsonDocumentOptions { MaxDepth = 16 });
        if (document.RootElement.ValueKind is not JsonValueKind.Array)
            throw new InvalidDataException("manifest.json is not a list");
        foreach (var image in document.RootElement.EnumerateArray())
        {
            if (!image.TryGetProperty("Config", out var config) || config.GetString() is not { } configName)
                throw new InvalidDataException("manifest.json has an image without Config");
            if (!digests.TryGetValue(configName, out var digest))
                throw new InvalidDataException($"manifest.json names {configName}, which is not there");
            if (!image.TryGetProperty("RepoTags", out var tags) || tags.ValueKind is not JsonValueKind.Array)
                continue;
            foreach (var tag in tags.EnumerateArray())
            {
                if (tag.GetString() is { } reference)
                    yield return new ArchivedImage(reference, $"sha256:{digest}", path);
            }
        }
    }

    private static bool CouldBeConfig(string name) =>
        name.EndsWith(".json", StringComparison.Ordinal) || name.StartsWith("blobs/sha256/", StringComparison.Ordinal);

    private static async Task<bool> IsGzipAsync(FileStream file, CancellationToken ct)
    {
        var magic = new byte[2];
        var read = await file.ReadAtLeastAsync(magic, 2, throwOnEndOfStream: false, ct);
        file.Position = 0;
        return read == 2 && magic is [0x1f, 0x8b];
    }
}
