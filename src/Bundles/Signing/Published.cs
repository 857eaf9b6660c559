using Appliance.Tuf;

namespace Appliance.Bundles.Signing;

/// <summary>What a signer gave out last, found to be its own.</summary>
internal sealed class Published
{
    private readonly VerifiedMetadata verified;

    private Published(MetadataSet metadata, VerifiedMetadata verified)
    {
        (Metadata, this.verified) = (metadata, verified);
        TimestampVersion = UnverifiedMetadata.Timestamp("timestamp.json", metadata.Timestamp).Version;
    }

    public MetadataSet Metadata { get; }

    public long TimestampVersion { get; }

    public IReadOnlyDictionary<string, TargetFile> Targets => verified.Targets.Targets;

    /// <summary>
    /// Verifies it before anything is built on it: who may write to the folder may not, by that alone, have something
    /// signed.
    /// </summary>
    /// <exception cref="TufException">It was changed, or is not of this signer.</exception>
    public static Published? Verify(MetadataSet? metadata) =>
        metadata is null
            ? null
            : new(
                metadata,
                OfflineVerification.Verify(
                    OfflineVerification.Pin(metadata.Roots[0]),
                    metadata,
                    DateTimeOffset.UnixEpoch,
                    acceptExpired: true
                )
            );

    /// <summary>It names a file, and as it is.</summary>
    public bool Names(string path, TargetFile file) =>
        Targets.TryGetValue(path, out var known)
        && known.Length == file.Length
        && known.Hashes["sha256"] == file.Hashes["sha256"];

    /// <summary>An appliance would take it now.</summary>
    public bool IsGood(DateTimeOffset now) => now < verified.ExpiresAt;

    /// <summary>What an appliance trusts that has committed it, and knows these roots.</summary>
    public TrustedState StateUnder(IReadOnlyList<ReadOnlyMemory<byte>> roots) => verified.State with { Roots = roots };
}
