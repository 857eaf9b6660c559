using System.Text.Json.Nodes;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Oci;

/// <summary>An image's manifest, of the OCI's or of Docker's kind.</summary>
internal sealed record ImageManifest(Blob Config, IReadOnlyList<ManifestLayer> Layers)
{
    /// <param name="mediaType">What the descriptor that led here calls it.</param>
    public static ImageManifest Parse(NamedBytes document, string mediaType)
    {
        var root = JsonField.Parse(document);
        if (root["schemaVersion"].Number(long.MaxValue) != 2)
            throw root["schemaVersion"].Refused("must be 2");
        // OCI manifests may leave it out.
        if (root["mediaType"].OptionalText() is { } own && own != mediaType)
            throw root["mediaType"].Refused($"is {own}, where {mediaType} was announced");

        var config = root["config"];
        if (!MediaTypes.IsConfig(config["mediaType"].Text()))
            throw config["mediaType"]
                .Refused($"{config["mediaType"].Text()} is not the configuration of a container image");
        return new(config.Blob(Limits.Config), [.. root["layers"].Items(Limits.Layers).Select(ReadLayer)]);
    }

    /// <summary>The manifest of an image that came without one: the same image gives the same bytes.</summary>
    public static byte[] Render(Blob config, IEnumerable<ManifestLayer> layers) =>
        Canonical.Render(
            new JsonObject
            {
                ["config"] = Descriptor(config, MediaTypes.Config),
                ["layers"] = new JsonArray([
                    .. layers.Select(l => Descriptor(l.Blob, l.IsGzip ? MediaTypes.TarGzip : MediaTypes.Tar)),
                ]),
                ["mediaType"] = MediaTypes.Manifest,
                ["schemaVersion"] = 2,
            }
        );

    public static JsonObject Descriptor(Blob blob, string mediaType) =>
        new()
        {
            ["digest"] = blob.Digest,
            ["mediaType"] = mediaType,
            ["size"] = blob.Size,
        };

    private static ManifestLayer ReadLayer(JsonField layer)
    {
        var type = layer["mediaType"].Text();
        if (MediaTypes.IsGzip(type) is not { } isGzip)
            throw layer["mediaType"].Refused(WhyNot(type));
        if (!layer["urls"].IsNull && layer["urls"].Items(int.MaxValue).Count > 0)
            throw layer["urls"].Refused("the layer is to be fetched from elsewhere; an appliance cannot");
        return new(layer.Blob(Limits.Blob), isGzip);
    }

    private static string WhyNot(string type) =>
        type.EndsWith("zstd", StringComparison.Ordinal)
            ? "layers compressed with zstd cannot be loaded by every engine; build or copy the image with gzip (skopeo copy --dest-compress-format gzip)"
        : type.Contains("foreign", StringComparison.Ordinal)
        || type.Contains("nondistributable", StringComparison.Ordinal)
            ? $"{type} is a foreign layer, which is to be fetched from elsewhere; an appliance cannot"
        : $"{type} is not a layer of a container image: it must be a tar, plain or gzip";
}

internal sealed record ManifestLayer(Blob Blob, bool IsGzip);
