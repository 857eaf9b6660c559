using System.Security.Cryptography;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Packaging;

/// <summary>The blobs of a bundle as they arrive: each must be the one whose turn it is.</summary>
internal sealed class ArrivingBlobs(
    BundleInput input,
    ReleaseDeltas? deltas,
    IBlobSink sink,
    IProgress<long>? bytesRead
) : IReleaseVisitor
{
    private readonly Pieces pieces = new();

    public DeltaTurns Turns { get; } = new(deltas);

    public async ValueTask<NamedBytes> ReadAsync(Blob blob, string what, CancellationToken cancellationToken)
    {
        var entry = await BeginAsync(blob, what, cancellationToken);
        var bytes = await input.ReadAllAsync((int)blob.Size, entry, cancellationToken);
        Check(blob, Sha256.Of(bytes.Span), what);

        await using var writer = await sink.OpenAsync(blob, cancellationToken);
        if (writer is not null)
        {
            await writer.WriteAsync(bytes, cancellationToken);
            await writer.CompleteAsync(cancellationToken);
        }
        bytesRead?.Report(input.Position);
        return new(bytes, entry);
    }

    public ValueTask PassAsync(Blob blob, string what, CancellationToken cancellationToken) =>
        StreamAsync(blob, unpacking: null, what, cancellationToken);

    public async ValueTask PassLayerAsync(ReleaseLayer layer, string what, CancellationToken cancellationToken)
    {
        if (Turns.InPlaceOf(layer) is { } instead)
        {
            foreach (var delta in instead)
                await StreamAsync(delta, unpacking: null, $"a delta for {what}", cancellationToken);
            return;
        }

        if (!layer.IsGzip)
        {
            // A plain tar is its own diff-id, which the walk has seen to.
            await StreamAsync(layer.Blob, unpacking: null, what, cancellationToken);
            return;
        }

        await using var unpacking = new LayerUnpacking(layer.UnpackedSize);
        try
        {
            await StreamAsync(layer.Blob, new(unpacking, layer), what, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            throw input.RefusedEntry($"{what} ({layer.Blob.Digest}): {e.Message}");
        }
    }

    private async ValueTask StreamAsync(
        Blob blob,
        Unpacking? unpacking,
        string what,
        CancellationToken cancellationToken
    )
    {
        var entry = await BeginAsync(blob, what, cancellationToken);
        var start = input.Position;
        var done = 0L;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var writer = await sink.OpenAsync(blob, cancellationToken);
        await pieces.PumpAsync(
            blob.Size,
            piece => input.ReadAsync(piece, entry, cancellationToken),
            async piece =>
            {
                // All at once: of hashing, writing and unpacking a piece, each takes about as long as the others.
                await Task.WhenAll(
                    Task.Run(() => hash.AppendData(piece.Span), CancellationToken.None),
                    writer?.WriteAsync(piece, cancellationToken).AsTask() ?? Task.CompletedTask,
                    unpacking?.Layer.AddAsync(piece) ?? Task.CompletedTask
                );
                bytesRead?.Report(start + (done += piece.Length));
            }
        );
        Check(blob, Sha256.Finish(hash), what);
        if (unpacking is not null)
            await CheckAsync(unpacking, what);
        await input.EndAsync(blob.Size, entry, cancellationToken);
        if (writer is not null)
            await writer.CompleteAsync(cancellationToken);
    }

    private async ValueTask<string> BeginAsync(Blob blob, string what, CancellationToken cancellationToken)
    {
        var name = BundleNames.Blob(blob);
        await input.BeginAsync(name, blob.Size, $"{what} ({name})", cancellationToken);
        return $"{what} ({name}, at byte {input.Position})";
    }

    private void Check(Blob blob, string digest, string what)
    {
        if (digest != blob.Digest)
            throw input.RefusedEntry($"{what} must be {blob.Digest}, and is {digest}: the file was changed or damaged");
    }

    private async Task CheckAsync(Unpacking unpacking, string what)
    {
        var (diffId, size) = await unpacking.Layer.FinishAsync();
        var expected = unpacking.Expected;
        if (size != expected.UnpackedSize)
            throw input.RefusedEntry(
                $"{what} ({expected.Blob.Digest}) unpacks to {size} bytes, and {expected.UnpackedSize} were signed for"
            );
        if (diffId != expected.DiffId)
            throw input.RefusedEntry(
                $"{what} ({expected.Blob.Digest}) unpacks to {diffId}, and {expected.DiffId} was signed for"
            );
    }

    private sealed record Unpacking(LayerUnpacking Layer, ReleaseLayer Expected);
}
