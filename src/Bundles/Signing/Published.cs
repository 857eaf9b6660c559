using Appliance.Tuf;

namespace Appliance.Bundles.Signing;

/// <summary>What a signer gave out last, found to be its own.</summary>
internal sealed class Published
{
    private readonly VerifiedMetadata verified;
    private readonly bool isUnderNewestRoot;

    private Published(MetadataSet metadata, VerifiedMetadata verified, bool isUnderNewestRoot)
    {
        (Metadata, this.verified, this.isUnderNewestRoot) = (metadata, verified, isUnderNewestRoot);
        TimestampVersion = UnverifiedMetadata.Timestamp("timestamp.json", metadata.Timestamp).Version;
    }

    public MetadataSet Metadata { get; }

    public long TimestampVersion { get; }

    public IReadOnlyDictionary<string, TargetFile> Targets => verified.Targets.Targets;

    /// <summary>
    /// Verifies it before anything is built on it: who may write to the folder may not, by that alone, have something
    /// signed. Keys that were replaced since count.
    /// </summary>
    /// <exception cref="TufException">It was changed, or is not of this signer.</exception>
    public static Published? Verify(MetadataSet? metadata)
    {
        if (metadata is null)
            return null;
        for (var count = metadata.Roots.Count; ; count--)
        {
            try
            {
                var found = OfflineVerification.Verify(
                    OfflineVerification.Pin(metadata.Roots[0]),
                    metadata with
                    {
                        Roots = [.. metadata.Roots.Take(count)],
                    },
                    DateTimeOffset.UnixEpoch,
                    acceptExpired: true
                );
                return new(metadata, found, count == metadata.Roots.Count);
            }
            catch (TufException e) when (e.Fault == TufFault.Signature && count > 1)
            {
                // The keys were replaced after it was signed; the root before knows those.
            }
        }
    }

    /// <summary>An appliance would take it now.</summary>
    public bool IsGood(DateTimeOffset now) => isUnderNewestRoot && now < verified.ExpiresAt;

    /// <summary>What an appliance trusts that has committed it, and knows these roots.</summary>
    public TrustedState StateUnder(IReadOnlyList<ReadOnlyMemory<byte>> roots) => verified.State with { Roots = roots };
}
