using System.Globalization;
using System.Text.Json.Nodes;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;

namespace Appliance.Bundles.Releases;

internal static class DescriptorJson
{
    public static byte[] Render(ReleaseDescriptor d) =>
        Canonical.Render(
            new JsonObject
            {
                ["index"] = new JsonObject { ["digest"] = d.Index.Digest, ["size"] = d.Index.Size },
                ["product"] = d.Product,
                ["signed-at"] = d.SignedAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
                ["version"] = d.Version.Text,
            }
        );

    public static ReleaseDescriptor Parse(ReadOnlyMemory<byte> bytes)
    {
        var root = JsonField.Parse(new(bytes, "the descriptor"));
        var d = new ReleaseDescriptor(
            root["product"].Text(),
            SemanticVersion.TryParse(root["version"].Text())!,
            root["index"].Blob(Limits.Manifest),
            DateTimeOffset.Parse(root["signed-at"].Text(), CultureInfo.InvariantCulture)
        );
        Canonical.Check(bytes.Span, Render(d), "the descriptor");
        return d;
    }
}
