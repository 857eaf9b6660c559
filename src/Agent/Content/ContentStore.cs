using System.Buffers;
using Appliance.Agent.Storage;
using Appliance.Bundles.Releases;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Content;

/// <summary>
/// Blobs by digest, each a file named after its sha256. A blob appears under its name by a rename after it is on the
/// disk, so what is there is whole, and is never hashed again.
/// </summary>
internal sealed class ContentStore : IBlobSink, IDisposable
{
    private const string Algorithm = "sha256:";

    // Blobs whose way to the disk overlaps with what follows them; more would only queue there.
    private const int Settling = 4;

    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdef");

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string incoming;
    private readonly string blobs;
    private readonly SemaphoreSlim mayWait = new(Settling);
    private readonly Lock gate = new();
    private readonly List<(Blob Blob, Task Task)> settling = [];

    /// <summary>Opens the store, and removes what an agent that was killed had only begun to receive.</summary>
    public ContentStore(IOptions<StorageOptions> storage, ILogger<ContentStore> log)
    {
        var content = Path.Combine(storage.Value.DataDirectory, "content");
        (Folder, incoming, blobs) = (content, Path.Combine(content, "incoming"), Path.Combine(content, "blobs/sha256"));
        try
        {
            if (Directory.Exists(incoming))
                Directory.Delete(incoming, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.LeftoversKept(incoming, e.Message);
        }
    }

    /// <summary>Where it all is.</summary>
    public string Folder { get; }

    /// <summary>A folder on its file system that is there. On a full disk, the one of its own may not be.</summary>
    public string Root => Directory.Exists(Folder) ? Folder : Path.GetDirectoryName(Folder)!;

    /// <summary>Bytes that may still be stored.</summary>
    /// <exception cref="IOException">The file system does not answer.</exception>
    public long FreeBytes => new DriveInfo(Root).AvailableFreeSpace;

    /// <summary>Whether the blob is there, whole.</summary>
    public bool Contains(Blob blob) => new FileInfo(PathOf(blob.Digest)) is { Exists: true } f && f.Length == blob.Size;

    /// <summary>As what a layer is stored: as it was signed, or else unpacked, as a delta leaves it.</summary>
    public Blob StoredAs(ReleaseLayer layer) => !Contains(layer.Blob) && Contains(layer.Tar) ? layer.Tar : layer.Blob;

    /// <summary>Whether a layer is there, whole, in either way.</summary>
    public bool Contains(ReleaseLayer layer) => Contains(StoredAs(layer));

    /// <summary>Takes in a blob; null when it is there already.</summary>
    /// <exception cref="ContentFullException">It does not fit; found before its first byte is moved.</exception>
    /// <exception cref="IOException">Nothing can be stored, for another reason.</exception>
    public ValueTask<IBlobWriter?> OpenAsync(Blob blob, CancellationToken cancellationToken)
    {
        if (Contains(blob))
            return ValueTask.FromResult<IBlobWriter?>(null);
        var path = Path.Combine(incoming, Path.GetRandomFileName());
        try
        {
            PrepareFolders();
            var file = File.OpenHandle(
                path,
                FileMode.CreateNew,
                FileAccess.ReadWrite,
                FileShare.None,
                FileOptions.Asynchronous,
                blob.Size
            );
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            return ValueTask.FromResult<IBlobWriter?>(new IncomingBlob(this, blob, path, file));
        }
        catch (IOException e) when (ContentFullException.IsReasonForNoFile(e))
        {
            if (File.Exists(path))
                File.Delete(path);
            throw Full(blob.Size, e);
        }
    }

    /// <summary>
    /// Returns when every blob that was completed is on the disk under its name. Until then it may be missing, and is
    /// whole wherever it is not.
    /// </summary>
    /// <exception cref="IOException">One could not be brought to the disk, and is not there.</exception>
    public async Task FlushAsync(CancellationToken ct)
    {
        var left = await SettledAsync(ct);
        foreach (var (blob, task) in left)
        {
            try
            {
                await task;
            }
            // What failed in a bundle that was given up may have come with another since.
            catch (IOException) when (Contains(blob)) { }
        }
        if (left.Count > 0)
            DurableFolder.Flush(blobs);
    }

    /// <summary>Opens a stored blob for reading; the caller disposes of it.</summary>
    /// <exception cref="FileNotFoundException">It is not stored.</exception>
    public FileStream OpenRead(string digest)
    {
        try
        {
            return new FileStream(
                PathOf(digest),
                new FileStreamOptions
                {
                    Options = FileOptions.Asynchronous | FileOptions.SequentialScan,
                    // Readers bring buffers of their own.
                    BufferSize = 0,
                    Share = FileShare.Read | FileShare.Delete,
                }
            );
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FileNotFoundException($"{digest} is not stored in {Folder}; take its release in again", e);
        }
    }

    /// <summary>As <see cref="OpenRead(string)"/>, and of the size that is expected.</summary>
    /// <exception cref="IOException">It has another size: something else changed it.</exception>
    public FileStream OpenRead(Blob blob)
    {
        var file = OpenRead(blob.Digest);
        if (file.Length == blob.Size)
            return file;
        var length = file.Length;
        file.Dispose();
        throw new IOException($"{PathOf(blob.Digest)} has {length} bytes and should have {blob.Size}");
    }

    /// <summary>Where a stored blob is, for a program that reads it.</summary>
    public string FileOf(Blob blob) => PathOf(blob.Digest);

    /// <summary>A place for a file that is needed for a while; what an agent that was killed has left there is removed.</summary>
    public string NewScratchFile()
    {
        PrepareFolders();
        return Path.Combine(incoming, Path.GetRandomFileName());
    }

    /// <summary>Deletes a blob that is not what its name says.</summary>
    /// <exception cref="IOException">It cannot be deleted.</exception>
    public void Discard(Blob blob) => File.Delete(PathOf(blob.Digest));

    /// <summary>Deletes every blob that is not to be kept. Not to be called while blobs are taken in.</summary>
    /// <param name="keep">Digests, <c>sha256:…</c>.</param>
    /// <returns>The bytes that became free.</returns>
    /// <exception cref="IOException">One could not be deleted.</exception>
    public async Task<long> CollectAsync(IReadOnlySet<string> keep, CancellationToken ct)
    {
        // What is on its way would appear after the look, and what failed of a bundle that was given up must not fail the next.
        await SettledAsync(ct);
        Failpoint.Before(Failpoint.CollectBlobs);
        var freed = await Task.Run(() => Collect(keep, ct), ct);
        Failpoint.After(Failpoint.CollectBlobs);
        return freed;
    }

    public void Dispose() => mayWait.Dispose();

    /// <summary>Brings a received file to the disk and under its name, beside what follows.</summary>
    internal async Task SettleAsync(IncomingBlob blob, CancellationToken ct)
    {
        await mayWait.WaitAsync(ct);
        var task = Task.Run(
            () =>
            {
                try
                {
                    blob.Settle(PathOf(blob.Blob.Digest));
                }
                finally
                {
                    mayWait.Release();
                }
            },
            CancellationToken.None
        );
        lock (gate)
            settling.Add((blob.Blob, task));
    }

    /// <summary>Waits for all that is on its way, whatever becomes of it. What was not waited for is not forgotten.</summary>
    private async Task<IReadOnlyList<(Blob Blob, Task Task)>> SettledAsync(CancellationToken ct)
    {
        (Blob Blob, Task Task)[] left;
        lock (gate)
            left = [.. settling];
        await Task.WhenAll(left.Select(s => s.Task))
            .WaitAsync(ct)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ct.ThrowIfCancellationRequested();
        lock (gate)
            settling.RemoveAll(left.Contains);
        return left;
    }

    /// <summary>That so many bytes do not fit.</summary>
    internal ContentFullException Full(long needed, IOException? e = null) => new(Folder, needed, FreeBytes, e);

    private long Collect(IReadOnlySet<string> keep, CancellationToken ct)
    {
        var freed = 0L;
        if (!Directory.Exists(blobs))
            return freed;
        foreach (var file in new DirectoryInfo(blobs).EnumerateFiles())
        {
            ct.ThrowIfCancellationRequested();
            if (keep.Contains(Algorithm + file.Name))
                continue;
            freed += file.Length;
            file.Delete();
        }
        return freed;
    }

    private void PrepareFolders()
    {
        Directory.CreateDirectory(Folder, OwnerOnly);
        Directory.CreateDirectory(incoming, OwnerOnly);
        Directory.CreateDirectory(blobs, OwnerOnly);
    }

    private string PathOf(string digest) =>
        digest.StartsWith(Algorithm, StringComparison.Ordinal)
        && digest.Length == Algorithm.Length + 64
        && !digest.AsSpan(Algorithm.Length).ContainsAnyExcept(Hexadecimal)
            ? Path.Combine(blobs, digest[Algorithm.Length..])
            : throw new ArgumentException($"\"{digest}\" is no digest");
}
