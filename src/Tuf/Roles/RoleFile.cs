namespace Appliance.Tuf;

/// <summary>A metadata file that was parsed, and by that alone is not trusted.</summary>
internal sealed record RoleFile<T>(Envelope Envelope, T Content)
    where T : Metadata
{
    public string File => Envelope.File;

    public ReadOnlyMemory<byte> Bytes => Envelope.Bytes;

    public long Version => Content.Version;

    /// <exception cref="TufException">Its time is over.</exception>
    public void DemandUnexpired(DateTimeOffset now)
    {
        if (now >= Content.Expires)
            throw new TufException(
                TufFault.Expired,
                File,
                $"expired at {Moments.Write(Content.Expires)}, and it is {Moments.Write(now)}: get newer metadata, or check the clock"
            );
    }

    /// <exception cref="TufException">It has another version than the file above it, or its own name, says.</exception>
    public void DemandVersion(long expected)
    {
        if (Version != expected)
            throw new TufException(TufFault.Mismatch, File, $"has version {Version}, and must have {expected}");
    }
}

/// <summary>From bytes to roles.</summary>
internal static class RoleFiles
{
    public static RoleFile<RootMetadata> Root(string file, ReadOnlyMemory<byte> bytes) =>
        Read(file, bytes, MetadataLimits.RootBytes, RoleNames.Root, ReadRoot);

    public static RoleFile<TimestampMetadata> Timestamp(string file, ReadOnlyMemory<byte> bytes) =>
        Read(file, bytes, MetadataLimits.TimestampBytes, RoleNames.Timestamp, ReadTimestamp);

    public static RoleFile<SnapshotMetadata> Snapshot(string file, ReadOnlyMemory<byte> bytes) =>
        Read(file, bytes, MetadataLimits.SnapshotBytes, RoleNames.Snapshot, ReadSnapshot);

    /// <summary>For the top level and for delegated roles.</summary>
    public static RoleFile<TargetsMetadata> Targets(string file, ReadOnlyMemory<byte> bytes) =>
        Read(file, bytes, MetadataLimits.TargetsBytes, RoleNames.Targets, ReadTargets);

    private static RoleFile<T> Read<T>(
        string file,
        ReadOnlyMemory<byte> bytes,
        int maxBytes,
        string type,
        Func<Field, long, DateTimeOffset, T> read
    )
        where T : Metadata
    {
        var envelope = Envelope.Parse(file, bytes, maxBytes);
        var signed = envelope.Content;
        if (signed.Member("_type").Text() is var actual && actual != type)
            throw signed.Wrong($"is metadata of the type '{actual}', where '{type}' belongs");
        var specification = signed.Member("spec_version");
        if (!specification.Text().StartsWith("1.", StringComparison.Ordinal))
            throw specification.Wrong("must be 1.x: this program knows no other specification");
        return new(
            envelope,
            read(signed, signed.Member("version").Whole(atLeast: 1), signed.Member("expires").Moment())
        );
    }

    private static RootMetadata ReadRoot(Field signed, long version, DateTimeOffset expires)
    {
        var roles = signed.Member("roles");
        return new(
            version,
            expires,
            ReadKeys(signed.Member("keys")),
            RoleNames.All.ToDictionary(name => name, name => ReadRoleKeys(roles.Member(name))),
            signed.Optional("consistent_snapshot")?.Flag() ?? false
        );
    }

    private static TimestampMetadata ReadTimestamp(Field signed, long version, DateTimeOffset expires) =>
        new(version, expires, ReadMetadataFile(signed.Member("meta").Member("snapshot.json")));

    private static SnapshotMetadata ReadSnapshot(Field signed, long version, DateTimeOffset expires)
    {
        var files = signed.Member("meta").Members().ToDictionary(m => m.Name, m => ReadMetadataFile(m.Value));
        return files.ContainsKey("targets.json")
            ? new(version, expires, files)
            : throw signed.Member("meta").Wrong("must have 'targets.json'");
    }

    private static TargetsMetadata ReadTargets(Field signed, long version, DateTimeOffset expires) =>
        new(
            version,
            expires,
            signed.Member("targets").Members().ToDictionary(m => m.Name, m => ReadTargetFile(m.Value)),
            signed.Optional("delegations") is { } delegations ? ReadDelegations(delegations) : null
        );

    private static Dictionary<string, Key> ReadKeys(Field keys) =>
        keys.Members().ToDictionary(m => m.Name, m => Key.Parse(m.Name, m.Value));

    private static RoleKeys ReadRoleKeys(Field role) =>
        new(
            [.. role.Member("keyids").AtMost(MetadataLimits.Signatures).Items().Select(id => id.Text()).Distinct()],
            (int)Math.Min(role.Member("threshold").Whole(atLeast: 1), int.MaxValue)
        );

    private static MetadataFile ReadMetadataFile(Field file) =>
        new(
            file.Member("version").Whole(atLeast: 1),
            file.Optional("length")?.Whole(atLeast: 0),
            file.Optional("hashes") is { } hashes ? ReadHashes(hashes) : null
        );

    private static TargetFile ReadTargetFile(Field file) =>
        new(file.Member("length").Whole(atLeast: 0), ReadHashes(file.Member("hashes")));

    private static Dictionary<string, string> ReadHashes(Field hashes)
    {
        var read = hashes.Members().ToDictionary(m => m.Name, m => m.Value.Text());
        return read.Count > 0 ? read : throw hashes.Wrong("must name a hash");
    }

    private static Delegations ReadDelegations(Field delegations)
    {
        if (delegations.Optional("succinct_roles") is { } succinct)
            throw succinct.Wrong("is not supported: delegate by 'roles'");
        var roles = delegations.Member("roles").Items().Select(ReadDelegatedRole).ToList();
        if (roles.GroupBy(r => r.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw delegations.Wrong($"has the role '{twice.Key}' twice");
        return new(ReadKeys(delegations.Member("keys")), roles);
    }

    private static DelegatedRole ReadDelegatedRole(Field role)
    {
        var name = role.Member("name").Text();
        if (name.Length == 0 || RoleNames.All.Contains(name))
            throw role.Wrong($"is named '{name}', which a delegated role cannot be");
        var (paths, prefixes) = (role.Optional("paths"), role.Optional("path_hash_prefixes"));
        if (paths is null == prefixes is null)
            throw role.Wrong("must have either 'paths' or 'path_hash_prefixes'");
        return new(
            name,
            ReadRoleKeys(role),
            paths?.Items().Select(p => p.Text()).ToList(),
            prefixes?.Items().Select(p => p.Text()).ToList(),
            role.Member("terminating").Flag()
        );
    }
}
