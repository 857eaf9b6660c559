using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Content;

/// <summary>Takes the images of a docker-archive (<c>docker save</c>, plain or gzip) into the store, streaming.</summary>
internal sealed class ArchiveImport(ContentStore store, string path)
{
    private const int MaxDocument = 8 * 1024 * 1024;
    private const int MaxEntries = 100_000;

    /// <exception cref="InvalidDataException">The file is not a docker-archive; the message names it and says why.</exception>
    /// <exception cref="IOException">The file cannot be read, or its content not be stored.</exception>
    public async Task<IReadOnlyList<ReleaseImage>> RunAsync(CancellationToken ct)
    {
        try
        {
            var entries = new Dictionary<string, Blob>();
            var links = new Dictionary<string, string>();
            await ForEachAsync(
                async entry =>
                {
                    if (entry is { EntryType: TarEntryType.SymbolicLink })
                        links[entry.Name] = Path.GetFullPath(
                            Path.Combine("/", Path.GetDirectoryName(entry.Name)!, entry.LinkName)
                        )[1..];
                    else if (entry.DataStream is { } data)
                        entries[entry.Name] = await IdentifyAsync(data, entry.Length, ct);
                },
                ct
            );
            foreach (var (name, target) in links)
            {
                if (entries.TryGetValue(target, out var blob))
                    entries[name] = blob;
            }
            await ForEachAsync(entry => StoreAsync(entries, entry, ct), ct);
            await store.FlushAsync(ct);
            return await ImagesAsync(entries, ct);
        }
        catch (Exception e)
            when (e
                    is InvalidDataException
                        or EndOfStreamException
                        or FormatException
                        or JsonException
                        or KeyNotFoundException
                        or InvalidOperationException
            )
        {
            throw new InvalidDataException($"{path} is not a docker-archive: {e.Message}", e);
        }
    }

    private async Task ForEachAsync(Func<TarEntry, Task> take, CancellationToken ct)
    {
        await using var file = File.OpenRead(path);
        var isGzip = file.ReadByte() == 0x1f && file.ReadByte() == 0x8b;
        file.Position = 0;
        await using Stream stream = isGzip ? new GZipStream(file, CompressionMode.Decompress) : file;
        await using var tar = new TarReader(stream);
        for (var count = 0; await tar.GetNextEntryAsync(copyData: false, ct) is { } entry; count++)
        {
            if (count >= MaxEntries)
                throw new InvalidDataException($"it has more than {MaxEntries} entries");
            await take(entry);
        }
    }

    private async Task<List<ReleaseImage>> ImagesAsync(Dictionary<string, Blob> entries, CancellationToken ct)
    {
        if (!entries.TryGetValue("manifest.json", out var file))
            throw new InvalidDataException("it has no manifest.json");
        using var manifest = JsonDocument.Parse(await ReadAsync(file, ct));
        var images = new List<ReleaseImage>();
        foreach (var image in manifest.RootElement.EnumerateArray())
        {
            var config = entries[image.GetProperty("Config").GetString()!];
            using var parsed = JsonDocument.Parse(await ReadAsync(config, ct));
            var diffIds = parsed.RootElement.GetProperty("rootfs").GetProperty("diff_ids").EnumerateArray();
            var layers = image
                .GetProperty("Layers")
                .EnumerateArray()
                .Select(l => entries[l.GetString()!])
                .Zip(
                    diffIds,
                    (blob, id) => new ReleaseLayer(blob, blob.Digest != id.GetString(), id.GetString()!, blob.Size)
                )
                .ToList();
            if (image.TryGetProperty("RepoTags", out var tags) && tags.ValueKind is JsonValueKind.Array)
                images.AddRange(
                    tags.EnumerateArray().Select(t => new ReleaseImage(t.GetString()!, config, config, layers))
                );
        }
        return images;
    }

    private async Task StoreAsync(Dictionary<string, Blob> entries, TarEntry entry, CancellationToken ct)
    {
        if (entry is not { EntryType: not TarEntryType.SymbolicLink, DataStream: { } data })
            return;
        await using var writer = await store.OpenAsync(entries[entry.Name], ct);
        if (writer is null)
            return;
        var buffer = new byte[128 * 1024];
        while (await data.ReadAsync(buffer, ct) is > 0 and var read)
            await writer.WriteAsync(buffer.AsMemory(0, read), ct);
        await writer.CompleteAsync(ct);
    }

    private async Task<byte[]> ReadAsync(Blob blob, CancellationToken ct)
    {
        if (blob.Size > MaxDocument)
            throw new InvalidDataException($"a document in it has {blob.Size} bytes");
        await using var file = store.OpenRead(blob);
        var bytes = new byte[blob.Size];
        await file.ReadExactlyAsync(bytes, ct);
        return bytes;
    }

    private static async Task<Blob> IdentifyAsync(Stream data, long size, CancellationToken ct) =>
        new($"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(data, ct))}", size);
}
