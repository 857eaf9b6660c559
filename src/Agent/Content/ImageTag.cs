using Appliance.Bundles.Compose;

namespace Appliance.Agent.Content;

/// <summary>The name under which people find an image on an engine: no other part of it decides what runs.</summary>
internal sealed record ImageTag(string Repository, string Tag)
{
    /// <returns>Null for a reference by digest, which an engine gives no name.</returns>
    public static ImageTag? Of(string reference) =>
        ImageReference.TryParse(reference) is { Tag: { } tag, Digest: null } named
            ? new(Familiar(named with { Tag = null }), tag)
            : null;

    public override string ToString() => $"{Repository}:{Tag}";

    // As engines list them.
    private static string Familiar(ImageReference name)
    {
        if (name.Registry is not "docker.io")
            return name.ToString();
        return name.Repository.StartsWith("library/", StringComparison.Ordinal)
            ? name.Repository["library/".Length..]
            : name.Repository;
    }
}
