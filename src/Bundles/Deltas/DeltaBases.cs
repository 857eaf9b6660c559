using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Deltas;

/// <summary>Which layers of earlier releases one of a new release is most like. Pure.</summary>
internal static class DeltaBases
{
    /// <returns>One of each earlier release, each layer once; null when one of them has nothing like it.</returns>
    public static IReadOnlyList<DeltaBase>? Of(
        ReleaseImage image,
        ReleaseLayer layer,
        IReadOnlyList<EarlierRelease> earlier
    )
    {
        var bases = new List<DeltaBase>();
        foreach (var release in earlier)
        {
            if (In(release.Content, image, layer) is not { } found)
                return null;
            bases.Add(new(release, found));
        }
        return [.. bases.DistinctBy(b => b.Layer.DiffId)];
    }

    private static ReleaseLayer? In(ReleaseContent earlier, ReleaseImage image, ReleaseLayer layer)
    {
        if (earlier.Images.SelectMany(i => i.Layers).FirstOrDefault(l => l.DiffId == layer.DiffId) is { } same)
            return same;
        if (earlier.Images.FirstOrDefault(i => NameOf(i) == NameOf(image)) is not { Layers.Count: > 0 } before)
            return null;
        // As many as before: its Dockerfile has stayed, and so has each layer's place. Else the size has to tell.
        return before.Layers.Count == image.Layers.Count
            ? before.Layers[PlaceOf(layer, image)]
            : before.Layers.MinBy(l => Math.Abs(l.UnpackedSize - layer.UnpackedSize));
    }

    private static int PlaceOf(ReleaseLayer layer, ReleaseImage image) =>
        image.Layers.TakeWhile(l => l.DiffId != layer.DiffId).Count();

    // Without tag and digest, which are what changes from release to release.
    private static string NameOf(ReleaseImage image) =>
        ImageReference.TryParse(image.Reference) is { } reference
            ? $"{reference with { Tag = null, Digest = null }}"
            : image.Reference;
}

internal sealed record DeltaBase(EarlierRelease Release, ReleaseLayer Layer);
