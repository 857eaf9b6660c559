namespace Appliance.Tuf;

/// <summary>What every role says.</summary>
/// <param name="Version">At least 1.</param>
/// <param name="Expires">To the second, UTC; from then on it is not to be relied on.</param>
public abstract record Metadata(long Version, DateTimeOffset Expires);

/// <summary>Whose signatures count.</summary>
/// <param name="Keys">By id.</param>
/// <param name="Roles">By <see cref="RoleNames"/>.</param>
/// <param name="ConsistentSnapshot">Whether files carry their version or hash in their names.</param>
public sealed record RootMetadata(
    long Version,
    DateTimeOffset Expires,
    IReadOnlyDictionary<string, Key> Keys,
    IReadOnlyDictionary<string, RoleKeys> Roles,
    bool ConsistentSnapshot
) : Metadata(Version, Expires);

/// <summary>Which snapshot is the newest.</summary>
public sealed record TimestampMetadata(long Version, DateTimeOffset Expires, MetadataFile Snapshot)
    : Metadata(Version, Expires);

/// <summary>Which metadata belongs together.</summary>
/// <param name="Files">By name, as <c>targets.json</c>.</param>
public sealed record SnapshotMetadata(
    long Version,
    DateTimeOffset Expires,
    IReadOnlyDictionary<string, MetadataFile> Files
) : Metadata(Version, Expires);

/// <summary>What is signed for in the end.</summary>
/// <param name="Targets">By path, with forward slashes.</param>
/// <param name="Delegations">Null when the role delegates nothing.</param>
public sealed record TargetsMetadata(
    long Version,
    DateTimeOffset Expires,
    IReadOnlyDictionary<string, TargetFile> Targets,
    Delegations? Delegations
) : Metadata(Version, Expires);

/// <summary>The keys of a role, and how many of them must have signed.</summary>
public sealed record RoleKeys(IReadOnlyList<string> KeyIds, int Threshold);

/// <summary>Roles to which another one has handed some paths over.</summary>
/// <param name="Roles">In the order in which they are asked.</param>
public sealed record Delegations(IReadOnlyDictionary<string, Key> Keys, IReadOnlyList<DelegatedRole> Roles);

/// <param name="Paths">Patterns, of which one must match; null when there are prefixes.</param>
/// <param name="PathHashPrefixes">Beginnings of the SHA-256 of a path; null when there are patterns.</param>
/// <param name="Terminating">For the paths it is responsible for, no role after it is asked.</param>
public sealed record DelegatedRole(
    string Name,
    RoleKeys Keys,
    IReadOnlyList<string>? Paths,
    IReadOnlyList<string>? PathHashPrefixes,
    bool Terminating
);

/// <summary>The top-level roles.</summary>
public static class RoleNames
{
    public const string Root = "root";
    public const string Timestamp = "timestamp";
    public const string Snapshot = "snapshot";
    public const string Targets = "targets";

    internal static IReadOnlyList<string> All { get; } = [Root, Timestamp, Snapshot, Targets];
}
