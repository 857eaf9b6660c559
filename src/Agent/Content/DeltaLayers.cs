using Appliance.Bundles.Deltas;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Content;

/// <summary>
/// Makes layers that a bundle has only deltas for, of layers that are stored here. They are stored unpacked, as what their
/// image's configuration says that they are.
/// </summary>
internal sealed class DeltaLayers(ContentStore store, Xdelta xdelta)
{
    // As the engine's file system has its reserve: an agent must be able to go on writing.
    private const long Reserve = 64L * 1024 * 1024;

    /// <summary>Makes sure, before the first blob is moved, that every layer can be made here.</summary>
    /// <param name="held">Releases whose layers are stored here.</param>
    /// <exception cref="RefusedException">One cannot; the message says what can be done.</exception>
    /// <exception cref="ContentFullException">There is no room for them.</exception>
    public void Demand(ReleaseDescriptor release, ReleaseDeltas deltas, IReadOnlyList<ReleaseContent> held)
    {
        // The order of what can be done about it: another bundle helps whatever else is missing.
        if (deltas.Layers.FirstOrDefault(l => !IsHere(l) && Way(l, held) is null) is { } stuck)
            throw new RefusedException(
                $"this bundle has deltas for appliances with {release.Product} {Versions(deltas)}, of which not all is here:"
                    + $" nothing stored becomes the layer {stuck.DiffId}; send the whole bundle of"
                    + $" {release.Product} {release.Version}"
            );
        xdelta.Demand();
        var ways = deltas.Layers.Where(l => !IsHere(l)).Select(l => Way(l, held)!).ToList();
        var made = ways.Where(w => w.Delta is not null).Sum(w => w.Layer.Size);
        var needed = deltas.Blobs.Sum(b => b.Size) + made + LargestToUnpack(ways);
        if (store.FreeBytes < needed + Reserve)
            throw store.Full(needed + Reserve);
    }

    /// <summary>Makes those layers of a release that are not here yet.</summary>
    /// <param name="release">It was read, and with it the deltas.</param>
    /// <param name="held">As for <see cref="Demand"/>.</param>
    /// <param name="sink">Where they go.</param>
    /// <exception cref="RefusedException">What comes of it is not what was signed.</exception>
    /// <exception cref="ContentFullException">There is no room for one.</exception>
    /// <exception cref="IOException">Something cannot be read or written.</exception>
    public async Task ApplyAsync(
        ReleaseDeltas deltas,
        ReleaseContent release,
        IReadOnlyList<ReleaseContent> held,
        IBlobSink sink,
        CancellationToken ct
    )
    {
        var ways = deltas
            .Layers.Where(l => !IsStored(release, l.DiffId))
            .Select(l =>
                Way(l, held)
                ?? throw new RefusedException($"what becomes the layer {l.DiffId} is gone; send the whole bundle")
            )
            .ToList();
        // Once more, now that it is known which of those that are only unpacked are missing, and what else has come.
        var needed = ways.Sum(w => w.Layer.Size) + LargestToUnpack(ways);
        if (needed > 0 && store.FreeBytes < needed + Reserve)
            throw store.Full(needed + Reserve);
        foreach (var way in ways)
        {
            try
            {
                await MakeAsync(way, sink, ct);
            }
            catch (InvalidDataException e)
            {
                throw new RefusedException(
                    $"the layer {way.Layer.DiffId} cannot be made of {way.Old.DiffId}, as it is stored here: {e.Message};"
                        + $" send the whole bundle of {release.Descriptor.Product} {release.Descriptor.Version}",
                    e
                );
            }
        }
    }

    private async Task MakeAsync(WayToLayer way, IBlobSink sink, CancellationToken ct)
    {
        await using var output = await sink.OpenAsync(way.Result, ct);
        if (output is null)
            return;
        var stored = store.StoredAs(way.Old);
        if (way.Delta is null)
            await UnpackAsync(way.Old, stored, output.WriteAsync, ct);
        else if (stored == way.Old.Tar)
            await xdelta.DecodeAsync(store.FileOf(stored), store.FileOf(way.Delta), way.Result, output, ct);
        else
            await MakeOfUnpackedAsync(way, stored, output, ct);
        await output.CompleteAsync(ct);
    }

    private async Task MakeOfUnpackedAsync(WayToLayer way, Blob stored, IBlobWriter output, CancellationToken ct)
    {
        var tar = store.NewScratchFile();
        try
        {
            await using (var file = new FileStream(tar, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1))
                await UnpackAsync(way.Old, stored, file.WriteAsync, ct);
            await xdelta.DecodeAsync(tar, store.FileOf(way.Delta!), way.Result, output, ct);
        }
        catch (IOException e) when (ContentFullException.IsReasonFor(e))
        {
            throw store.Full(way.Old.UnpackedSize, e);
        }
        finally
        {
            File.Delete(tar);
        }
    }

    private Task UnpackAsync(
        ReleaseLayer layer,
        Blob stored,
        Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> tar,
        CancellationToken ct
    ) =>
        LayerTar.UnpackAsync(
            store.OpenRead(stored),
            layer with
            {
                IsGzip = layer.IsGzip && stored != layer.Tar,
            },
            tar,
            ct
        );

    /// <returns>The first that can be gone; null: none can.</returns>
    private WayToLayer? Way(LayerDeltas layer, IReadOnlyList<ReleaseContent> held)
    {
        var layers = held.SelectMany(r => r.Images).SelectMany(i => i.Layers).Where(store.Contains).ToList();
        return layer
            .Bases.Select(b => (Base: b, Old: layers.FirstOrDefault(l => l.DiffId == b.DiffId)))
            .Where(p => p.Old is not null)
            .Select(p => new WayToLayer(layer, p.Old!, p.Base.Delta))
            .FirstOrDefault();
    }

    // In the form in which it would be made; as it was signed, it can only be told once the release was read.
    private bool IsHere(LayerDeltas layer) => store.Contains(new Blob(layer.DiffId, layer.Size));

    private bool IsStored(ReleaseContent release, string diffId) =>
        release.Images.SelectMany(i => i.Layers).Where(l => l.DiffId == diffId).All(store.Contains);

    private long LargestToUnpack(IEnumerable<WayToLayer> ways) =>
        ways.Where(w => w.Delta is not null && store.StoredAs(w.Old) != w.Old.Tar)
            .Select(w => w.Old.UnpackedSize)
            .DefaultIfEmpty(0)
            .Max();

    private static string Versions(ReleaseDeltas deltas) => string.Join(" or ", deltas.From);

    /// <param name="Old">What is stored of the layer that it is made of.</param>
    /// <param name="Delta">Null: it is that layer.</param>
    private sealed record WayToLayer(LayerDeltas Layer, ReleaseLayer Old, Blob? Delta)
    {
        public Blob Result => new(Layer.DiffId, Layer.Size);
    }
}
