using System.Security.Cryptography;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Oci;

/// <summary>
/// Where the blobs of a release wait until it is whole: files named by digest in a folder of its own, and files that lie
/// elsewhere already.
/// </summary>
public sealed class BlobSpool : IDisposable
{
    private readonly Dictionary<string, string> files = [];
    private readonly HashSet<Blob> hashed = [];
    private readonly Pieces pieces = new();
    private readonly string folder;

    /// <summary>Makes the folder.</summary>
    /// <param name="parent">An existing folder, with room for what is added.</param>
    public BlobSpool(string parent)
    {
        folder = Path.Combine(parent, $".appliancectl-{Guid.NewGuid():n}");
        // Whoever could write there could change what was just checked.
        DurableFile.MakePrivateFolder(folder);
    }

    /// <summary>Opens a blob that was added.</summary>
    public ValueTask<Stream> OpenAsync(Blob blob, CancellationToken cancellationToken) =>
        new(RegularFile.Open(files[blob.Digest]));

    /// <summary>Removes the folder.</summary>
    public void Dispose()
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    internal bool Holds(Blob blob) => files.ContainsKey(blob.Digest);

    internal async Task<Blob> AddAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        using var stream = new MemoryStream(bytes.ToArray(), writable: false);
        return await AddAsync(stream, bytes.Length, cancellationToken);
    }

    /// <exception cref="EndOfStreamException">The content is shorter.</exception>
    internal async Task<Blob> AddAsync(Stream content, long size, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var incoming = Path.Combine(folder, "incoming");
        await using (var file = new FileStream(incoming, FileMode.Create, FileAccess.Write, FileShare.None, 1))
        {
            await pieces.PumpAsync(
                size,
                piece => content.ReadExactlyAsync(piece, cancellationToken),
                piece =>
                    Task.WhenAll(
                        Task.Run(() => hash.AppendData(piece.Span), CancellationToken.None),
                        file.WriteAsync(piece, cancellationToken).AsTask()
                    )
            );
        }

        var blob = new Blob(Sha256.Finish(hash), size);
        var path = Path.Combine(folder, Sha256.Hex(blob.Digest));
        File.Move(incoming, path, overwrite: true);
        files[blob.Digest] = path;
        hashed.Add(blob);
        return blob;
    }

    /// <summary>Adds what is written, of which it is not known before how much it is.</summary>
    internal async Task<Blob> AddAsync(Func<Stream, Task> write, CancellationToken cancellationToken)
    {
        var draft = Path.Combine(folder, "draft");
        try
        {
            await using (var file = new FileStream(draft, FileMode.Create, FileAccess.Write, FileShare.None))
                await write(file);
            await using var written = File.OpenRead(draft);
            return await AddAsync(written, written.Length, cancellationToken);
        }
        finally
        {
            File.Delete(draft);
        }
    }

    /// <summary>Adds a file where it lies; whoever reads it later checks it again.</summary>
    internal void AddInPlace(Blob blob, string path) => files.TryAdd(blob.Digest, path);

    /// <summary>Reads a blob, unless that was done already, to learn its digest and, of a gzip, what it unpacks to.</summary>
    /// <exception cref="InvalidDataException">It is no gzip.</exception>
    internal async Task<UnpackedLayer> ExamineAsync(Blob blob, bool isGzip, CancellationToken cancellationToken)
    {
        if (!isGzip && hashed.Contains(blob))
            return new(blob.Digest, blob.Digest, blob.Size);
        await using var stream = await OpenAsync(blob, cancellationToken);
        if (stream.Length != blob.Size)
            throw new InvalidDataException($"it has {stream.Length} bytes, and {blob.Size} were announced");

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var unpacking = isGzip ? new LayerUnpacking(Limits.Blob) : null;
        await pieces.PumpAsync(
            blob.Size,
            piece => stream.ReadExactlyAsync(piece, cancellationToken),
            piece =>
                Task.WhenAll(
                    Task.Run(() => hash.AppendData(piece.Span), CancellationToken.None),
                    unpacking?.AddAsync(piece) ?? Task.CompletedTask
                )
        );
        var digest = Sha256.Finish(hash);
        if (digest != blob.Digest)
            throw new InvalidDataException($"it is {digest}");
        var (diffId, size) = unpacking is null ? (digest, blob.Size) : await unpacking.FinishAsync();
        return new(digest, diffId, size);
    }
}
