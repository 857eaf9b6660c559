using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Appliance.Bench;

/// <summary>
/// An image with one big layer of bytes that nothing compresses, and on it a small one with busybox; as a docker-archive.
/// </summary>
internal sealed class BigImage
{
    private const string Busybox = "/bin/busybox";
    private const int Piece = 1024 * 1024;

    private readonly string folder;
    private readonly string big;
    private readonly string bigDiffId;

    private BigImage(string folder, string big, string bigDiffId) =>
        (this.folder, this.big, this.bigDiffId) = (folder, big, bigDiffId);

    /// <summary>A service that runs one of its versions; what follows the proof that it runs is left out.</summary>
    public static string Service(ImageArchive archive) =>
        $"  big: {{image: '{archive.Reference}', command: [/bin/busybox, sleep, infinity], init: true, "
        + "deploy: {update_config: {monitor: 0s}}}";

    /// <summary>Makes the big layer.</summary>
    public static async Task<BigImage> MakeAsync(string folder, long size, CancellationToken ct)
    {
        var data = Path.Combine(folder, "data");
        var buffer = new byte[Piece];
        await using (var file = File.Create(data))
        {
            for (var left = size; left > 0; left -= Piece)
            {
                RandomNumberGenerator.Fill(buffer);
                await file.WriteAsync(buffer, ct);
            }
        }
        var layer = Path.Combine(folder, "big.tar");
        await WriteTarAsync(layer, ct, ("data", data));
        File.Delete(data);
        return new(folder, layer, await DigestAsync(layer, ct));
    }

    /// <summary>Makes an archive of the image; versions differ in the small layer only.</summary>
    public async Task<ImageArchive> ArchiveAsync(string version, CancellationToken ct)
    {
        var place = Directory.CreateDirectory(Path.Combine(folder, version)).FullName;
        var (mark, small) = (Path.Combine(place, "version"), Path.Combine(place, "small.tar"));
        await File.WriteAllTextAsync(mark, version, ct);
        await WriteTarAsync(small, ct, ("bin/busybox", Busybox), ("version", mark));

        var config = Path.Combine(place, "config.json");
        await File.WriteAllTextAsync(config, Config(bigDiffId, await DigestAsync(small, ct)), ct);
        var id = await DigestAsync(config, ct);
        var archive = new ImageArchive(
            $"bench/big:{version}",
            $"sha256:{id}",
            Path.Combine(place, "image.tar"),
            [big, small, config]
        );

        var manifest = Path.Combine(place, "manifest.json");
        await File.WriteAllTextAsync(manifest, Manifest(archive.Reference), ct);
        await WriteTarAsync(
            archive.Path,
            ct,
            ("config.json", config),
            ("big.tar", big),
            ("small.tar", small),
            ("manifest.json", manifest)
        );
        return archive;
    }

    private static string Config(params string[] diffIds) =>
        new JsonObject
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["config"] = new JsonObject(),
            ["rootfs"] = new JsonObject
            {
                ["type"] = "layers",
                ["diff_ids"] = new JsonArray([.. diffIds.Select(d => (JsonNode)$"sha256:{d}")]),
            },
        }.ToJsonString();

    private static string Manifest(string reference) =>
        new JsonArray(
            new JsonObject
            {
                ["Config"] = "config.json",
                ["RepoTags"] = new JsonArray(reference),
                ["Layers"] = new JsonArray("big.tar", "small.tar"),
            }
        ).ToJsonString();

    private static async Task WriteTarAsync(
        string path,
        CancellationToken ct,
        params (string Name, string Path)[] files
    )
    {
        await using var output = File.Create(path, Piece);
        await using var tar = new TarWriter(output, TarEntryFormat.Gnu);
        foreach (var (name, source) in files)
            await tar.WriteEntryAsync(source, name, ct);
    }

    private static async Task<string> DigestAsync(string path, CancellationToken ct)
    {
        await using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, ct));
    }
}

/// <summary>One version of the image: what an engine calls it, its docker-archive, and the files that this was made of.</summary>
internal sealed record ImageArchive(string Reference, string Id, string Path, IReadOnlyList<string> Parts);
