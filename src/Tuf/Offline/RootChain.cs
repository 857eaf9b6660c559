namespace Appliance.Tuf;

/// <summary>Roots of which each is signed by its own keys, and by those of the one before.</summary>
internal sealed class RootChain
{
    private readonly IReadOnlyList<RoleFile<RootMetadata>> roots;

    private RootChain(IReadOnlyList<RoleFile<RootMetadata>> roots) => this.roots = roots;

    public RoleFile<RootMetadata> Newest => roots[^1];

    public IReadOnlyList<RoleFile<RootMetadata>> Roots => roots;

    public IReadOnlyList<ReadOnlyMemory<byte>> Files => [.. roots.Select(r => r.Bytes)];

    /// <summary>Verifies a chain from its first root, which is taken for granted, to its last.</summary>
    /// <param name="folder">Where the files are, for messages.</param>
    /// <param name="firstVersion">That of the first root; null: any.</param>
    /// <exception cref="TufException">One of them is malformed or not signed as it must be.</exception>
    public static RootChain Load(string folder, IReadOnlyList<ReadOnlyMemory<byte>> files, long? firstVersion)
    {
        if (files.Count is 0 or > MetadataLimits.Roots)
            throw new TufException(TufFault.Malformed, folder, $"must have between 1 and {MetadataLimits.Roots} roots");

        var chain = new List<RoleFile<RootMetadata>>(files.Count);
        foreach (var bytes in files)
        {
            var expected = chain.Count > 0 ? chain[^1].Version + 1 : firstVersion;
            var root = RoleFiles.Root($"{folder}/{expected}{(expected is null ? "" : ".")}root.json", bytes);
            root.Envelope.DemandExactRendering();
            root.DemandVersion(expected ?? root.Version);
            if (chain.Count > 0)
                DemandStep(chain[^1], root);
            else
                Authority.Of(root.Content, RoleNames.Root).Demand(root.Envelope);
            chain.Add(root);
        }
        return new(chain);
    }

    /// <summary>One step of the chain: the next version, signed by the keys before and by its own.</summary>
    public static void DemandStep(RoleFile<RootMetadata> trusted, RoleFile<RootMetadata> next)
    {
        next.DemandVersion(trusted.Version + 1);
        Authority.Of(trusted.Content, RoleNames.Root).Demand(next.Envelope);
        Authority.Of(next.Content, RoleNames.Root).Demand(next.Envelope);
    }

    /// <summary>This chain with what <paramref name="received"/> has beyond it.</summary>
    /// <exception cref="TufException">The two are not one chain.</exception>
    public RootChain Extend(RootChain received)
    {
        if (received.Newest.Version < roots[0].Version)
            throw new TufException(
                TufFault.Rollback,
                received.Newest.File,
                $"is the newest root there, and version {roots[0].Version} is trusted: use what was signed later"
            );
        foreach (var root in received.roots)
        {
            if (At(root.Version) is { } known && !known.Envelope.SaysTheSameAs(root.Envelope))
                throw new TufException(
                    TufFault.Forked,
                    root.File,
                    $"is another root {root.Version} than the one that is trusted: it comes from somebody else, or two signers use the same keys"
                );
        }
        // The one before the first new root was just found to be the one that is trusted.
        return new([.. roots, .. received.roots.Where(r => r.Version > Newest.Version)]);
    }

    private RoleFile<RootMetadata>? At(long version) => roots.FirstOrDefault(r => r.Version == version);
}
