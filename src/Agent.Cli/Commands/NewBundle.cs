using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Signing;
using Appliance.Cli.Output;
using Appliance.Tuf;

namespace Appliance.Cli.Commands;

/// <summary>A bundle that is not there until it is whole and on the disk.</summary>
internal sealed class NewBundle : IDisposable
{
    private readonly string path;
    private readonly string temporary;

    /// <exception cref="FileException">Its folder does not exist.</exception>
    public NewBundle(string path)
    {
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

    public long Length { get; private set; }

    public async Task WriteAsync(
        SignedRelease signed,
        BlobSpool spool,
        long size,
        Session session,
        CancellationToken cancellationToken
    )
    {
        var progress = new TransferProgress(session, $"Writing {Path.GetFileName(path)}", size);
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
            Length = file.Length;
        }
        File.Move(temporary, path, overwrite: true);
        DurableFile.FlushFolder(Folder);
    }

    public void Dispose() => File.Delete(temporary);
}
