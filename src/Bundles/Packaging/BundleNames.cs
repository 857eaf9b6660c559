using System.Globalization;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;

namespace Appliance.Bundles.Packaging;

/// <summary>What the entries of a bundle are called, and what is the same in all of them.</summary>
internal static class BundleNames
{
    public const string Timestamp = "metadata/timestamp.json";
    public const string Layout = "oci-layout";
    public const string LayoutIndex = "index.json";

    public static readonly byte[] LayoutContent = """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray();

    public static string Root(int version) =>
        string.Create(CultureInfo.InvariantCulture, $"metadata/{version}.root.json");

    public static string Snapshot(long version) =>
        string.Create(CultureInfo.InvariantCulture, $"metadata/{version}.snapshot.json");

    public static string Targets(long version) =>
        string.Create(CultureInfo.InvariantCulture, $"metadata/{version}.targets.json");

    /// <summary>The deltas of a release, beside its descriptor.</summary>
    public static string Deltas(string descriptorPath) => Target(ReleaseDeltas.TargetPathBeside(descriptorPath));

    public static string Target(string path) => $"targets/{path}";

    public static string Blob(Blob blob) => $"blobs/sha256/{Sha256.Hex(blob.Digest)}";
}
