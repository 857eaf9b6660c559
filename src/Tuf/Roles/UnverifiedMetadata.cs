namespace Appliance.Tuf;

/// <summary>
/// What metadata files say, whoever wrote them: to look at, or to find the next file by. Nothing may rely on it.
/// </summary>
public static class UnverifiedMetadata
{
    /// <exception cref="TufException">It is malformed.</exception>
    public static RootMetadata Root(string file, ReadOnlyMemory<byte> bytes) => RoleFiles.Root(file, bytes).Content;

    /// <exception cref="TufException">It is malformed.</exception>
    public static TimestampMetadata Timestamp(string file, ReadOnlyMemory<byte> bytes) =>
        RoleFiles.Timestamp(file, bytes).Content;

    /// <exception cref="TufException">It is malformed.</exception>
    public static SnapshotMetadata Snapshot(string file, ReadOnlyMemory<byte> bytes) =>
        RoleFiles.Snapshot(file, bytes).Content;

    /// <exception cref="TufException">It is malformed.</exception>
    public static TargetsMetadata Targets(string file, ReadOnlyMemory<byte> bytes) =>
        RoleFiles.Targets(file, bytes).Content;
}
