using Appliance.Bundles.Oci;
using Appliance.Tuf;

namespace Appliance.Bundles.Packaging;

/// <summary>The versions that two files of metadata carry in their names, as the metadata above them says.</summary>
internal static class MetadataVersions
{
    public static (long Snapshot, long Targets) Of(MetadataSet metadata) =>
        (
            VersionOf("snapshot.json", metadata.Timestamp, "metadata/timestamp.json"),
            VersionOf("targets.json", metadata.Snapshot, "metadata/<version>.snapshot.json")
        );

    private static long VersionOf(string file, ReadOnlyMemory<byte> above, string name) =>
        JsonField.Parse(new(above, name))["signed"]["meta"][file]["version"].Number(long.MaxValue);
}
