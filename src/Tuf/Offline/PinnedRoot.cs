namespace Appliance.Tuf;

/// <summary>The root that an appliance is given when it is made.</summary>
public static class PinnedRoot
{
    /// <summary>Its version.</summary>
    /// <exception cref="TufException">It is malformed.</exception>
    public static long VersionOf(ReadOnlyMemory<byte> root) => RoleFiles.Root("root.json", root).Version;

    /// <summary>Holds that a root which is given later belongs to the signer that is trusted already.</summary>
    /// <exception cref="TufException">It is malformed, another signer's, or too far ahead to tell.</exception>
    public static void DemandSameSigner(TrustedState trusted, ReadOnlyMemory<byte> root)
    {
        ArgumentNullException.ThrowIfNull(trusted);
        var known = RootChain.Load("trusted", trusted.Roots, firstVersion: null);
        var given = RootChain.Load("pinned", [root], firstVersion: null);
        if (given.Newest.Version == known.Newest.Version + 1)
            RootChain.DemandStep(known.Newest, given.Newest);
        else if (given.Newest.Version > known.Newest.Version)
            throw new TufException(
                TufFault.Mismatch,
                given.Newest.File,
                $"is too far ahead of version {known.Newest.Version}, which is trusted: a bundle brings the versions in between"
            );
        else
            known.Extend(given);
    }
}
