using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Oci;

/// <summary>
/// One name for an image that goes by several: engines save <c>x:1</c> what a Compose file may call
/// <c>docker.io/library/x:1</c>.
/// </summary>
internal static class Familiar
{
    private const string Library = "library/";

    public static string Of(ImageReference reference)
    {
        if (reference.Registry is not (null or "docker.io" or "index.docker.io"))
            return reference.ToString();
        var repository = reference.Repository.StartsWith(Library, StringComparison.Ordinal)
            ? reference.Repository[Library.Length..]
            : reference.Repository;
        return (reference with { Registry = null, Repository = repository }).ToString();
    }
}
