using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Deltas;

/// <summary>Makes deltas between the layers of releases.</summary>
/// <param name="folder">Where layers are unpacked to: an existing folder, with room for the two largest.</param>
/// <param name="spool">Holds the release's blobs; the deltas are added.</param>
public sealed class DeltaMaker(Xdelta xdelta, string folder, BlobSpool spool)
{
    // A layer of which less is saved is sent as it is: that asks nothing of the appliance.
    private const int WorthPercent = 80;

    private readonly string from = Path.Combine(folder, "from.tar");
    private readonly string to = Path.Combine(folder, "to.tar");
    private readonly string made = Path.Combine(folder, "made.delta");

    /// <summary>Makes what appliances need that run one of several earlier releases.</summary>
    /// <param name="release">The one that they get.</param>
    /// <param name="earlier">Those that they run.</param>
    /// <param name="progress">Is told each layer before its deltas are made; may be null.</param>
    /// <returns>Null deltas when none is worth it.</returns>
    /// <exception cref="RefusedException">A layer is damaged, or <c>xdelta3</c> is missing.</exception>
    /// <exception cref="IOException">Something cannot be read or written.</exception>
    public async Task<(ReleaseDeltas? Deltas, IReadOnlyList<DeltaGain> Gains)> MakeAsync(
        ReleaseContent release,
        IReadOnlyList<EarlierRelease> earlier,
        IProgress<ReleaseLayer>? progress,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(release);
        var layers = new List<LayerDeltas>();
        var gains = new List<DeltaGain>();
        foreach (var (image, layer) in LayersOf(release))
        {
            progress?.Report(layer);
            var bases = DeltaBases.Of(image, layer, earlier);
            var deltas = bases is null ? null : await MakeAsync(layer, bases, cancellationToken);
            if (deltas is not null)
                layers.Add(deltas);
            gains.Add(new(image.Reference, layer, deltas));
        }
        return (
            layers.Count == 0
                ? null
                : new(release.Descriptor.Index.Digest, [.. earlier.Select(e => e.Content.Descriptor.Version)], layers),
            gains
        );
    }

    private static IEnumerable<(ReleaseImage Image, ReleaseLayer Layer)> LayersOf(ReleaseContent release) =>
        release.Images.SelectMany(i => i.Layers.Select(l => (i, l))).DistinctBy(p => p.l.DiffId);

    /// <returns>Null when they are not worth it.</returns>
    private async Task<LayerDeltas?> MakeAsync(
        ReleaseLayer layer,
        IReadOnlyList<DeltaBase> bases,
        CancellationToken cancellationToken
    )
    {
        var found = new List<LayerBase>();
        var worth = layer.Blob.Size * WorthPercent / 100;
        foreach (var old in bases)
        {
            var delta = old.Layer.DiffId == layer.DiffId ? null : await MakeAsync(layer, old, cancellationToken);
            found.Add(new(old.Layer.DiffId, old.Layer.UnpackedSize, delta));
            // For one of them it would have to be sent as it is: then it is there for all.
            if (new LayerDeltas(layer.DiffId, layer.UnpackedSize, found).Deltas.Sum(d => d.Size) > worth)
                return null;
        }
        return new(layer.DiffId, layer.UnpackedSize, found);
    }

    private async Task<Blob> MakeAsync(ReleaseLayer layer, DeltaBase old, CancellationToken cancellationToken)
    {
        try
        {
            await UnpackAsync(await old.Release.OpenAsync(old.Layer.Blob, cancellationToken), old.Layer, from);
            await UnpackAsync(await spool.OpenAsync(layer.Blob, cancellationToken), layer, to);
            await xdelta.EncodeAsync(from, to, made, cancellationToken);
            await using var delta = File.OpenRead(made);
            return await spool.AddAsync(delta, delta.Length, cancellationToken);
        }
        finally
        {
            foreach (var file in (string[])[from, to, made])
                File.Delete(file);
        }

        async Task UnpackAsync(Stream stored, ReleaseLayer unpacked, string path)
        {
            await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1);
            try
            {
                await LayerTar.UnpackAsync(stored, unpacked, file.WriteAsync, cancellationToken);
            }
            catch (InvalidDataException e)
            {
                throw new RefusedException($"the layer {unpacked.Blob.Digest} is damaged: {e.Message}", e);
            }
        }
    }
}

/// <summary>A release that appliances run.</summary>
/// <param name="OpenAsync">Opens one of its layers.</param>
public sealed record EarlierRelease(ReleaseContent Content, Func<Blob, CancellationToken, ValueTask<Stream>> OpenAsync);

/// <summary>What became of a layer of the release.</summary>
/// <param name="Image">The first that has it.</param>
/// <param name="Deltas">Null: it is sent as it is.</param>
public sealed record DeltaGain(string Image, ReleaseLayer Layer, LayerDeltas? Deltas);
