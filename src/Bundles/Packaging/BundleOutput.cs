using System.Security.Cryptography;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Packaging;

/// <summary>A tar as it is written.</summary>
internal sealed class BundleOutput(Stream stream, IProgress<long>? bytesWritten)
{
    private static readonly byte[] s_zeros = new byte[2 * TarHeader.Block];

    private readonly Pieces pieces = new();
    private long position;

    public async ValueTask AddAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        await WriteAsync(TarHeader.Render(name, content.Length), cancellationToken);
        await WriteAsync(content, cancellationToken);
        await WriteAsync(s_zeros.AsMemory(0, TarHeader.PaddingAfter(content.Length)), cancellationToken);
    }

    /// <returns>The digest of what was added.</returns>
    public async ValueTask<string> AddAsync(
        string name,
        long size,
        Stream content,
        string what,
        CancellationToken cancellationToken
    )
    {
        await WriteAsync(TarHeader.Render(name, size), cancellationToken);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await pieces.PumpAsync(
            size,
            async piece =>
            {
                if (await content.ReadAtLeastAsync(piece, piece.Length, false, cancellationToken) < piece.Length)
                    throw new RefusedException($"{what} has fewer than the {size} bytes that were announced");
            },
            async piece =>
                await Task.WhenAll(
                    Task.Run(() => hash.AppendData(piece.Span), CancellationToken.None),
                    WriteAsync(piece, cancellationToken).AsTask()
                )
        );
        await WriteAsync(s_zeros.AsMemory(0, TarHeader.PaddingAfter(size)), cancellationToken);
        return Sha256.Finish(hash);
    }

    public async ValueTask EndAsync(CancellationToken cancellationToken)
    {
        await WriteAsync(s_zeros, cancellationToken);
        await stream.FlushAsync(cancellationToken);
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(bytes, cancellationToken);
        position += bytes.Length;
        bytesWritten?.Report(position);
    }
}
