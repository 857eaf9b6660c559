namespace Appliance.Tuf;

/// <summary>
/// The client's workflow (section 5.3 to 5.6 of the specification) as a state that only grows: each file goes in when
/// all before it are in, and what is in was verified. Knows no network and no disk.
/// </summary>
internal sealed class TrustedSet
{
    private readonly Dictionary<string, RoleFile<TargetsMetadata>> targets = [];
    private RoleFile<RootMetadata> root;
    private RoleFile<TimestampMetadata>? timestamp;
    private RoleFile<SnapshotMetadata>? knownSnapshot;
    private RoleFile<SnapshotMetadata>? snapshot;

    /// <exception cref="TufException">The root is not signed by its own keys.</exception>
    public TrustedSet(ReadOnlyMemory<byte> localRoot)
    {
        root = RoleFiles.Root("root.json", localRoot);
        Authority.Of(root.Content, RoleNames.Root).Demand(root.Envelope);
    }

    public RootMetadata Root => root.Content;

    public MetadataFile SnapshotFacts => Trusted(timestamp).Snapshot;

    /// <summary>The next root. Its expiry counts only once it turns out to be the last.</summary>
    public void AddRoot(string file, ReadOnlyMemory<byte> bytes)
    {
        var next = RoleFiles.Root(file, bytes);
        RootChain.DemandStep(root, next);
        root = next;
    }

    /// <summary>There is no newer root.</summary>
    public void CompleteRoots(DateTimeOffset now) => root.DemandUnexpired(now);

    /// <summary>
    /// Takes what was stored before as the lower bound, if its keys are still the root's: an attacker who had old keys
    /// must not be able to block what comes after their replacement. Expired or not.
    /// </summary>
    public void Remember(ReadOnlyMemory<byte>? localTimestamp, ReadOnlyMemory<byte>? localSnapshot)
    {
        timestamp = Verified(localTimestamp, RoleFiles.Timestamp, RoleNames.Timestamp);
        knownSnapshot = Verified(localSnapshot, RoleFiles.Snapshot, RoleNames.Snapshot);
    }

    /// <returns>Whether it is to be stored: one of the same version is not, whatever it says.</returns>
    public bool AddTimestamp(string file, ReadOnlyMemory<byte> bytes, DateTimeOffset now)
    {
        var next = RoleFiles.Timestamp(file, bytes);
        Authority.Of(Root, RoleNames.Timestamp).Demand(next.Envelope);
        if (timestamp is not null)
        {
            if (next.Version == timestamp.Version)
            {
                timestamp.DemandUnexpired(now);
                return false;
            }
            Rollback.Check(timestamp, next);
        }
        next.DemandUnexpired(now);
        timestamp = next;
        return true;
    }

    /// <summary>Whether the stored snapshot is the one that is wanted, so that none need be fetched.</summary>
    public bool UseKnownSnapshot(DateTimeOffset now)
    {
        if (knownSnapshot is null)
            return false;
        try
        {
            Check(knownSnapshot, SnapshotFacts, now);
            snapshot = knownSnapshot;
            return true;
        }
        catch (TufException)
        {
            return false;
        }
    }

    public void AddSnapshot(string file, ReadOnlyMemory<byte> bytes, DateTimeOffset now)
    {
        SnapshotFacts.Check(file, bytes.Span);
        var next = RoleFiles.Snapshot(file, bytes);
        Authority.Of(Root, RoleNames.Snapshot).Demand(next.Envelope);
        // Compared with the stored one also when the new timestamp no longer knows that.
        if (knownSnapshot is not null)
            Rollback.Check(knownSnapshot, next);
        Check(next, SnapshotFacts, now);
        snapshot = next;
    }

    /// <exception cref="TufException">The snapshot does not list the role: it must not be fetched.</exception>
    public MetadataFile FactsOf(string role) =>
        Trusted(snapshot).Files.TryGetValue($"{role}.json", out var facts)
            ? facts
            : throw new TufException(
                TufFault.Mismatch,
                snapshot!.File,
                $"does not list '{role}.json', to which a role delegates"
            );

    public Authority TopLevelTargets => Authority.Of(Root, RoleNames.Targets);

    /// <summary>A role that is in already, for whoever delegates to it now.</summary>
    /// <exception cref="TufException">It is in by the word of another role, and this one has other keys for it.</exception>
    public TargetsMetadata? TargetsBy(Authority authority)
    {
        if (!targets.TryGetValue(authority.RoleName, out var known))
            return null;
        authority.Demand(known.Envelope);
        return known.Content;
    }

    public TargetsMetadata AddTargets(Authority authority, string file, ReadOnlyMemory<byte> bytes, DateTimeOffset now)
    {
        var facts = FactsOf(authority.RoleName);
        facts.Check(file, bytes.Span);
        var next = RoleFiles.Targets(file, bytes);
        authority.Demand(next.Envelope);
        next.DemandVersion(facts.Version);
        next.DemandUnexpired(now);
        targets[authority.RoleName] = next;
        return next.Content;
    }

    /// <summary>The same for a stored file; null when it is not the one that is wanted.</summary>
    public TargetsMetadata? TryAddTargets(Authority authority, ReadOnlyMemory<byte> stored, DateTimeOffset now)
    {
        try
        {
            return AddTargets(authority, $"{authority.RoleName}.json", stored, now);
        }
        catch (TufException)
        {
            return null;
        }
    }

    private static void Check<T>(RoleFile<T> file, MetadataFile facts, DateTimeOffset now)
        where T : Metadata
    {
        facts.Check(file.File, file.Bytes.Span);
        file.DemandVersion(facts.Version);
        file.DemandUnexpired(now);
    }

    private RoleFile<T>? Verified<T>(
        ReadOnlyMemory<byte>? stored,
        Func<string, ReadOnlyMemory<byte>, RoleFile<T>> parse,
        string role
    )
        where T : Metadata
    {
        if (stored is not { } bytes)
            return null;
        try
        {
            var file = parse($"{role}.json", bytes);
            return Authority.Of(Root, role).Accepts(file.Envelope) ? file : null;
        }
        catch (TufException)
        {
            return null;
        }
    }

    private static T Trusted<T>(RoleFile<T>? file)
        where T : Metadata =>
        file is null ? throw new InvalidOperationException($"no {typeof(T).Name} is trusted yet") : file.Content;
}
