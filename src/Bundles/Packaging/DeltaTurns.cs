using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Packaging;

/// <summary>What stands in a bundle where a layer would: followed while one is written or read.</summary>
internal sealed class DeltaTurns(ReleaseDeltas? deltas)
{
    private readonly Dictionary<string, LayerDeltas> layers = deltas?.Layers.ToDictionary(l => l.DiffId) ?? [];
    private readonly HashSet<string> passed = [];

    /// <summary>The deltas that stand in the place of a layer; null: it stands there itself.</summary>
    /// <exception cref="RefusedException">They are for another one.</exception>
    public IEnumerable<Blob>? InPlaceOf(ReleaseLayer layer)
    {
        if (!layers.TryGetValue(layer.DiffId, out var found))
            return null;
        if (found.Size != layer.UnpackedSize)
            throw new RefusedException(
                $"deltas.json: the layer {layer.DiffId} has {found.Size} bytes there, and {layer.UnpackedSize} in the release"
            );
        // The same tar in another compression is the same layer.
        return passed.Add(layer.DiffId) ? found.Deltas : [];
    }

    /// <exception cref="RefusedException">There are deltas for a layer that did not come by.</exception>
    public void DemandAll()
    {
        if (layers.Keys.FirstOrDefault(id => !passed.Contains(id)) is { } stray)
            throw new RefusedException($"deltas.json: {stray} is no layer of the release");
    }
}
