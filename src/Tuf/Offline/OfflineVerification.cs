namespace Appliance.Tuf;

/// <summary>What an appliance trusts, as it keeps it: bytes as they were received.</summary>
/// <param name="Roots">Versions ascending without gaps; the last one is in force.</param>
/// <param name="Timestamp">Of what was committed last; null before the first time.</param>
public sealed record TrustedState(
    IReadOnlyList<ReadOnlyMemory<byte>> Roots,
    ReadOnlyMemory<byte>? Timestamp,
    ReadOnlyMemory<byte>? Snapshot,
    ReadOnlyMemory<byte>? Targets
);

/// <summary>The metadata of a bundle, as received.</summary>
/// <param name="Roots">Versions 1 to N.</param>
public sealed record MetadataSet(
    IReadOnlyList<ReadOnlyMemory<byte>> Roots,
    ReadOnlyMemory<byte> Timestamp,
    ReadOnlyMemory<byte> Snapshot,
    ReadOnlyMemory<byte> Targets
);

/// <param name="State">What to trust once what this metadata is about is committed.</param>
/// <param name="ExpiresAt">The earliest of the four roles.</param>
public sealed record VerifiedMetadata(TrustedState State, TargetsMetadata Targets, DateTimeOffset ExpiresAt);

/// <summary>
/// Verifies metadata that came as files, all at once and without a way to fetch more. Stricter than TUF asks: every
/// root is verified, files must be written as we write them, length and SHA-256 are always given, and content that
/// differs under a version that is known is refused.
/// </summary>
public static class OfflineVerification
{
    /// <summary>Trusts a root because whoever calls says so; it must at least agree with itself.</summary>
    /// <param name="root">The file that <c>appliancectl bundle keys init</c> names.</param>
    /// <exception cref="TufException">It is malformed, or not signed by its own keys.</exception>
    public static TrustedState Pin(ReadOnlyMemory<byte> root) =>
        new(RootChain.Load("pinned", [root], firstVersion: null).Files, Timestamp: null, Snapshot: null, Targets: null);

    /// <summary>
    /// Follows the signer's roots from the one that is trusted to the newest. What this returns may be kept at once,
    /// whatever becomes of the bundle: the other roles stay as they were. Expiry is not looked at.
    /// </summary>
    /// <param name="received">Versions 1 to N, all of which are verified.</param>
    /// <exception cref="TufException">A root is malformed or not signed as it must be, or the chain is not that of the trusted root.</exception>
    public static TrustedState AddRoots(TrustedState trusted, IReadOnlyList<ReadOnlyMemory<byte>> received) =>
        trusted with
        {
            Roots = Extend(trusted, received).Files,
        };

    /// <summary>
    /// Verifies a bundle's metadata against what is trusted. Changes nothing: the state that is returned is to be kept
    /// when the release is committed.
    /// </summary>
    /// <param name="now">The effective time: the clock, or what is known to be later.</param>
    /// <param name="acceptExpired">A person has agreed to metadata whose time is over.</param>
    /// <exception cref="TufException">Something does not hold; its <see cref="TufException.Fault"/> says what.</exception>
    public static VerifiedMetadata Verify(
        TrustedState trusted,
        MetadataSet received,
        DateTimeOffset now,
        bool acceptExpired
    )
    {
        var roots = Extend(trusted, received.Roots);
        var root = roots.Newest;
        var known = Known.From(trusted, root.Content);

        var timestamp = Accept(
            RoleFiles.Timestamp("metadata/timestamp.json", received.Timestamp),
            Authority.Of(root.Content, RoleNames.Timestamp),
            known.Timestamp
        );
        if (known.Timestamp is { } knownTimestamp)
            Rollback.Check(knownTimestamp, timestamp);

        var snapshotFacts = Complete(timestamp.File, "snapshot.json", timestamp.Content.Snapshot);
        var snapshotFile = $"metadata/{snapshotFacts.Version}.snapshot.json";
        snapshotFacts.Check(snapshotFile, received.Snapshot.Span);
        var snapshot = Accept(
            RoleFiles.Snapshot(snapshotFile, received.Snapshot),
            Authority.Of(root.Content, RoleNames.Snapshot),
            known.Snapshot
        );
        snapshot.DemandVersion(snapshotFacts.Version);
        if (known.Snapshot is { } knownSnapshot)
            Rollback.Check(knownSnapshot, snapshot);

        var targetsFacts = Complete(snapshot.File, "targets.json", snapshot.Content.Files["targets.json"]);
        var targetsFile = $"metadata/{targetsFacts.Version}.targets.json";
        targetsFacts.Check(targetsFile, received.Targets.Span);
        var targets = Accept(
            RoleFiles.Targets(targetsFile, received.Targets),
            Authority.Of(root.Content, RoleNames.Targets),
            known.Targets
        );
        targets.DemandVersion(targetsFacts.Version);

        if (!acceptExpired)
        {
            root.DemandUnexpired(now);
            timestamp.DemandUnexpired(now);
            snapshot.DemandUnexpired(now);
            targets.DemandUnexpired(now);
        }
        return new(
            new(roots.Files, timestamp.Bytes, snapshot.Bytes, targets.Bytes),
            targets.Content,
            new[]
            {
                root.Content.Expires,
                timestamp.Content.Expires,
                snapshot.Content.Expires,
                targets.Content.Expires,
            }.Min()
        );
    }

    private static RootChain Extend(TrustedState trusted, IReadOnlyList<ReadOnlyMemory<byte>> received) =>
        RootChain
            .Load("trusted", trusted.Roots, firstVersion: null)
            .Extend(RootChain.Load("metadata", received, firstVersion: 1));

    /// <summary>Signed as it must be, not older than what is known, and the same where the version is the same.</summary>
    private static RoleFile<T> Accept<T>(RoleFile<T> file, Authority authority, RoleFile<T>? known)
        where T : Metadata
    {
        file.Envelope.DemandExactRendering();
        authority.Demand(file.Envelope);
        if (known is not null)
        {
            Rollback.DemandNotLower(file, known.Version);
            if (file.Version == known.Version && !file.Envelope.SaysTheSameAs(known.Envelope))
                throw new TufException(
                    TufFault.Forked,
                    file.File,
                    $"is another version {file.Version} than the one that is trusted: two signers use the same keys, and one of them must stop"
                );
        }
        return file;
    }

    private static MetadataFile Complete(string file, string name, MetadataFile facts) =>
        facts.Length is not null && facts.Hashes?.ContainsKey("sha256") == true
            ? facts
            : throw new TufException(TufFault.Malformed, file, $"'meta.{name}' must have 'length' and 'hashes.sha256'");

    /// <summary>What is trusted and still verifies: after a change of keys, lower versions are a new beginning.</summary>
    private sealed record Known(
        RoleFile<TimestampMetadata>? Timestamp,
        RoleFile<SnapshotMetadata>? Snapshot,
        RoleFile<TargetsMetadata>? Targets
    )
    {
        public static Known From(TrustedState state, RootMetadata root) =>
            new(
                Verified(state.Timestamp, RoleFiles.Timestamp, RoleNames.Timestamp, root),
                Verified(state.Snapshot, RoleFiles.Snapshot, RoleNames.Snapshot, root),
                Verified(state.Targets, RoleFiles.Targets, RoleNames.Targets, root)
            );

        private static RoleFile<T>? Verified<T>(
            ReadOnlyMemory<byte>? bytes,
            Func<string, ReadOnlyMemory<byte>, RoleFile<T>> parse,
            string role,
            RootMetadata root
        )
            where T : Metadata
        {
            if (bytes is not { } kept)
                return null;
            var file = parse($"trusted/{role}.json", kept);
            return Authority.Of(root, role).Accepts(file.Envelope) ? file : null;
        }
    }
}
