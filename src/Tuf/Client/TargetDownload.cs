namespace Appliance.Tuf;

/// <summary>Puts a target in a folder, whole and verified, or not at all.</summary>
internal static class TargetDownload
{
    private const int ChunkBytes = 64 * 1024;

    public static async Task<bool> IsThereAsync(
        string path,
        TargetFile target,
        string file,
        CancellationToken cancellationToken
    )
    {
        using var hashing = FileHashes.Begin(path, target.Hashes);
        if (!File.Exists(file))
            return false;
        await using var stream = File.OpenRead(file);
        if (stream.Length != target.Length)
            return false;
        var chunk = new byte[ChunkBytes];
        while (await stream.ReadAsync(chunk, cancellationToken) is > 0 and var n)
            hashing.Add(chunk.AsSpan(0, n));
        return hashing.IsAsExpected(out _);
    }

    public static async Task StoreAsync(
        string path,
        TargetFile target,
        IAsyncEnumerable<ReadOnlyMemory<byte>> bytes,
        string file,
        CancellationToken cancellationToken
    )
    {
        var folder = Path.GetDirectoryName(file)!;
        // Hidden: what a crash leaves behind is not taken for a target.
        var temporary = Path.Combine(folder, $".{Path.GetFileName(file)}.part");
        File.Delete(temporary);
        try
        {
            await using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                await CopyAsync(path, target, bytes, stream, cancellationToken);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, file, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        DurableFile.FlushFolder(folder);
    }

    private static async Task CopyAsync(
        string path,
        TargetFile target,
        IAsyncEnumerable<ReadOnlyMemory<byte>> bytes,
        FileStream stream,
        CancellationToken cancellationToken
    )
    {
        using var hashing = FileHashes.Begin(path, target.Hashes);
        await foreach (var chunk in bytes.WithCancellation(cancellationToken))
        {
            if (stream.Position + chunk.Length > target.Length)
                throw new TufException(TufFault.Mismatch, path, $"has more than the {target.Length} bytes signed for");
            hashing.Add(chunk.Span);
            await stream.WriteAsync(chunk, cancellationToken);
        }
        if (stream.Position != target.Length)
            throw new TufException(
                TufFault.Mismatch,
                path,
                $"has {stream.Position} bytes, and {target.Length} were signed for"
            );
        hashing.Demand();
    }
}
