using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Tuf;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Trust;

/// <summary>
/// The only door to a release: its signatures lead to the pinned root, it is of this product, and it is not older than
/// what this appliance has committed to.
/// </summary>
internal sealed class ReleaseTrust(
    TrustTable table,
    UpdateJournal journal,
    IOptions<TrustOptions> options,
    TimeProvider clock,
    ILogger<ReleaseTrust> log
)
{
    private const int MaxRoot = 1024 * 1024;

    /// <summary>
    /// Verifies what came as a bundle. New roots, and the time that it vouches for, are kept whatever becomes of it;
    /// all else counts when an update to it commits.
    /// </summary>
    /// <param name="isRepair">What is stored of the installed release is not whole: it may be sent again.</param>
    /// <exception cref="RefusedException">With the reason, and the file or field.</exception>
    /// <exception cref="StorageException">What must be kept could not be.</exception>
    public async Task<VerifiedBundle> VerifyAsync(
        ReceivedBundle received,
        bool acceptExpired,
        bool isRepair,
        CancellationToken ct
    )
    {
        try
        {
            var trusted = OfflineVerification.AddRoots(await TrustedAsync(ct), received.Metadata.Roots);
            await DemandPinnedAsync(trusted, ct);
            table.KeepRoots(trusted.Roots, PinnedRoot.VersionOf(trusted.Roots[0]));
            var now = Later(clock.GetUtcNow(), table.LatestSignedAt);
            var verified = received.Verify(trusted, now, acceptExpired);
            Admit(verified.Descriptor, isRepair);
            table.Saw(verified.Descriptor.SignedAt);
            return verified;
        }
        catch (TufException e)
        {
            throw new RefusedException(e.Message, e);
        }
        catch (RefusedException e) when (e.Fault is TufFault.Rollback)
        {
            throw new RefusedException(
                $"it was signed before what this appliance has committed to ({e.Message}); `appliancectl rollback` brings"
                    + " back the release before, and nothing else goes back",
                e
            );
        }
    }

    private void Admit(ReleaseDescriptor release, bool isRepair)
    {
        var current = journal.Current is { } known ? ReleaseDescriptor.Parse(known.Descriptor) : null;
        if ((current?.Product ?? options.Value.Product) is { } product && release.Product != product)
            throw new RefusedException(
                $"the bundle is a release of {release.Product}; this appliance runs {product} and nothing else"
            );
        if (current?.Index == release.Index && !isRepair)
            throw new RefusedException($"{release.Product} {release.Version} is installed already");
        if (current?.Version == release.Version && current.Index != release.Index)
            throw new RefusedException(
                $"another {release.Product} {release.Version} is installed ({current.Index.Digest}), and the bundle's is"
                    + $" {release.Index.Digest}: a release is never changed; ask the vendor for a new version"
            );
        if (journal.Floor is { } text && SemanticVersion.TryParse(text) is { } floor && release.Version < floor)
            throw new RefusedException(
                $"version {release.Version} is lower than {floor}, which this appliance has run; `appliancectl rollback`"
                    + " brings back the release before, and nothing else goes back"
            );
    }

    private async Task<TrustedState> TrustedAsync(CancellationToken ct)
    {
        if (table.Load() is { } stored)
            return new TrustedState(
                [.. stored.Roots.Select(r => (ReadOnlyMemory<byte>)r)],
                Kept(stored.Timestamp),
                Kept(stored.Snapshot),
                Kept(stored.Targets)
            );
        if (options.Value.Root is not { } path)
            throw new RefusedException(
                "no root of trust is pinned on this appliance: name the vendor's root.json as trust.root in agent.yaml"
            );
        var pinned = await ReadAsync(path, ct);
        var first = OfflineVerification.Pin(pinned);
        table.KeepRoots(first.Roots, PinnedRoot.VersionOf(pinned));
        log.RootPinned(path, PinnedRoot.VersionOf(pinned));
        return first;
    }

    /// <summary>A box that was given another signer's root must not go on trusting the first one in silence.</summary>
    private async Task DemandPinnedAsync(TrustedState trusted, CancellationToken ct)
    {
        if (options.Value.Root is not { } path)
            return;
        try
        {
            PinnedRoot.DemandSameSigner(trusted, await ReadAsync(path, ct));
        }
        catch (TufException e)
        {
            throw new RefusedException(
                $"{path}, named by trust.root, does not agree with the root that this appliance trusts: {e.Message}",
                e
            );
        }
    }

    private static async Task<byte[]> ReadAsync(string path, CancellationToken ct)
    {
        try
        {
            return await RegularFile.ReadAsync(path, MaxRoot, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RefusedException($"{path}, named by trust.root, cannot be read: {e.Message}", e);
        }
    }

    // Not a plain null, which would become an empty file: nothing is committed yet.
    private static ReadOnlyMemory<byte>? Kept(byte[]? bytes) => bytes is null ? default(ReadOnlyMemory<byte>?) : bytes;

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
