using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

/// <summary>
/// The agent as an image: one layer with one file, the executable. So it is moved, stored and made of deltas as all that a
/// release has, and any tool for images can copy and look at it.
/// </summary>
public sealed class AgentImage
{
    /// <summary>What the executable is called, in the layer too.</summary>
    public const string FileName = "appliance-agent";

    private const UnixFileMode Executable =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;

    private AgentImage(ReleaseAgent agent, FoundImage image) => (Agent, Image) = (agent, image);

    /// <summary>As <c>release.json</c> has it.</summary>
    public ReleaseAgent Agent { get; }

    internal FoundImage Image { get; }

    /// <summary>Makes the image of an executable, and adds it to a spool: the same executable gives the same bytes.</summary>
    /// <exception cref="RefusedException">It is empty, or larger than an agent may be.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static async Task<AgentImage> AddAsync(
        string path,
        SemanticVersion version,
        Platform platform,
        BlobSpool spool,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(version);
        ArgumentNullException.ThrowIfNull(platform);
        ArgumentNullException.ThrowIfNull(spool);
        await using var file = RegularFile.Open(path);
        var size = file.Length;
        if (size is 0 or > Limits.Agent)
            throw new RefusedException($"{path} has {size} bytes; an agent has 1 to {Limits.Agent}");
        var digest = $"sha256:{Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellationToken))}";
        file.Position = 0;
        var layer = await spool.AddAsync(to => WriteLayerAsync(file, to, cancellationToken), cancellationToken);
        var unpacked = await spool.ExamineAsync(layer, isGzip: true, cancellationToken);
        var config = await spool.AddAsync(ConfigOf(platform, unpacked.DiffId), cancellationToken);
        var manifest = ImageManifest.Render(config, [new ManifestLayer(layer, IsGzip: true)]);
        return new AgentImage(
            new ReleaseAgent($"{FileName}:{version.Text}", version, new Blob(digest, size)),
            new FoundImage(await spool.AddAsync(manifest, cancellationToken), MediaTypes.Manifest, [unpacked])
        );
    }

    /// <summary>Copies the executable out of its layer.</summary>
    /// <param name="layer">As it is stored.</param>
    /// <param name="to">Is given the executable; of no use if this throws.</param>
    /// <exception cref="InvalidDataException">That is not what was signed for.</exception>
    public static async Task CopyProgramAsync(
        Stream layer,
        bool isGzip,
        Blob program,
        Stream to,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(to);
        await using var unpacked = isGzip ? new GZipStream(layer, CompressionMode.Decompress, leaveOpen: true) : layer;
        await using var tar = new TarReader(unpacked, leaveOpen: true);
        var entry = await tar.GetNextEntryAsync(copyData: false, cancellationToken);
        if (entry is not { Name: FileName, DataStream: { } content } || entry.Length != program.Size)
            throw new InvalidDataException(
                $"it does not begin with a file {FileName} of {program.Size} bytes, but with {entry?.Name ?? "nothing"}"
            );
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[128 * 1024];
        while (await content.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            hash.AppendData(buffer, 0, read);
            await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
        }
        if (Sha256.Finish(hash) is var found && found != program.Digest)
            throw new InvalidDataException($"its {FileName} is {found}, and {program.Digest} was signed for");
    }

    private static async Task WriteLayerAsync(FileStream program, Stream to, CancellationToken cancellationToken)
    {
        await using var gzip = new GZipStream(to, CompressionLevel.Optimal, leaveOpen: true);
        await using var tar = new TarWriter(gzip, TarEntryFormat.Ustar, leaveOpen: true);
        await tar.WriteEntryAsync(
            new UstarTarEntry(TarEntryType.RegularFile, FileName)
            {
                Mode = Executable,
                ModificationTime = DateTimeOffset.UnixEpoch,
                DataStream = program,
            },
            cancellationToken
        );
    }

    private static byte[] ConfigOf(Platform platform, string diffId) =>
        Canonical.Render(
            new JsonObject
            {
                ["architecture"] = platform.Architecture,
                ["config"] = new JsonObject { ["Entrypoint"] = new JsonArray($"/{FileName}") },
                ["os"] = platform.Os,
                ["rootfs"] = new JsonObject { ["diff_ids"] = new JsonArray(diffId), ["type"] = "layers" },
            }
        );
}
