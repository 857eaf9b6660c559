using Appliance.Bundles.Releases;

namespace Appliance.Cli.Commands;

/// <summary>Keeps what could be a file of the release, in a folder that goes with it.</summary>
internal sealed class SmallBlobs : IBlobSink, IDisposable
{
    // The largest that a file of a release can be.
    private const long MaxSize = 1024 * 1024;

    private readonly DirectoryInfo scratch = Directory.CreateTempSubdirectory("appliancectl-");

    public ValueTask<IBlobWriter?> OpenAsync(Blob blob, CancellationToken cancellationToken) =>
        new(blob.Size <= MaxSize ? new Writer(File.Create(PathOf(blob))) : null);

    /// <summary>Lays the release's files out under their names.</summary>
    public string Folder(IEnumerable<ReleaseFile> files)
    {
        var folder = Path.Combine(scratch.FullName, "release");
        foreach (var file in files)
        {
            var path = Path.Combine(folder, file.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.Copy(PathOf(file.Blob), path);
        }
        return folder;
    }

    public void Dispose() => scratch.Delete(recursive: true);

    private string PathOf(Blob blob) => Path.Combine(scratch.FullName, blob.Digest);

    private sealed class Writer(FileStream file) : IBlobWriter
    {
        public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
            file.WriteAsync(bytes, cancellationToken);

        public ValueTask CompleteAsync(CancellationToken cancellationToken) => file.DisposeAsync();

        public ValueTask DisposeAsync() => file.DisposeAsync();
    }
}
