using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Bundles.Signing;
using Appliance.Cli.Output;
using Appliance.Tuf;

namespace Appliance.Cli.Commands;

/// <summary>A bundle that is not there until it is whole and on the disk.</summary>
internal sealed class NewBundle : IDisposable
{
    private const string Extension = ".bundle";

    private readonly string given;
    private readonly string path;
    private readonly string temporary;

    /// <exception cref="FileException">Its folder does not exist.</exception>
    public NewBundle(string path)
    {
        given = path;
        this.path = Path.GetFullPath(path);
        Folder = Path.GetDirectoryName(this.path) ?? "/";
        if (!Directory.Exists(Folder))
            throw new FileException($"{Folder} does not exist: make the folder, or say another file with --to");
        if (Directory.Exists(this.path))
            throw new FileException($"{path} is a folder; say a file with --to");
        // Such as /dev/stdout, which would be replaced by a file.
        if (Path.Exists(this.path) && !RegularFile.IsOne(this.path))
            throw new FileException($"{path} is not a regular file; say one with --to, or a name that is free");
        temporary = Path.Combine(Folder, $".{Path.GetFileName(path)}.{Guid.NewGuid():n}.part");
    }

    public string Folder { get; }

    /// <summary>What a bundle is called when nobody says.</summary>
    public static string NameOf(string product, SemanticVersion version) => $"{product}-{version}{Extension}";

    /// <summary>The place of the one with deltas, beside the whole one.</summary>
    public static string BesideForDeltas(string path) =>
        path.EndsWith(Extension, StringComparison.Ordinal)
            ? $"{path[..^Extension.Length]}.delta{Extension}"
            : $"{path}.delta";

    /// <summary>Writes it, with deltas in the place of layers, or all layers.</summary>
    public async Task<BundleOnDisk> WriteAsync(
        SignedRelease signed,
        ReleaseDeltas? deltas,
        ReleaseContent content,
        BlobSpool spool,
        Session session,
        CancellationToken cancellationToken
    )
    {
        // With deltas it is not known beforehand, and soon done.
        var size = deltas is null ? content.Blobs.Sum(b => b.Size) : 0;
        var progress = new TransferProgress(session, $"Writing {Path.GetFileName(path)}", size);
        long length;
        // No buffer of its own: what is written comes in large pieces.
        await using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1))
        {
            await BundleWriter.WriteAsync(
                file,
                signed.Metadata,
                signed.DescriptorBytes,
                deltas,
                spool.OpenAsync,
                progress,
                cancellationToken
            );
            file.Flush(flushToDisk: true);
            length = file.Length;
        }
        File.Move(temporary, path, overwrite: true);
        DurableFile.FlushFolder(Folder);
        return new(given, length);
    }

    public void Dispose() => File.Delete(temporary);
}
