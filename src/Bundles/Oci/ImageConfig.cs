using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Oci;

/// <summary>What concerns us of an image's configuration.</summary>
/// <param name="DiffIds">Digests of the layers, unpacked; the lowest first.</param>
internal sealed record ImageConfig(string Os, string Architecture, IReadOnlyList<string> DiffIds)
{
    public static ImageConfig Parse(NamedBytes document)
    {
        var root = JsonField.Parse(document);
        var files = root["rootfs"];
        return new(
            root["os"].OptionalText() ?? "",
            root["architecture"].OptionalText() ?? "",
            // An image without layers leaves them out, or says null.
            files["diff_ids"].IsNull
                ? []
                : [.. files["diff_ids"].Items(Limits.Layers).Select(d => d.Digest())]
        );
    }
}
