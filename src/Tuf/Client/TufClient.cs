namespace Appliance.Tuf;

/// <summary>
/// Follows a repository over the network, by The Update Framework 1.0. What it trusts is in its store; each file is kept
/// as soon as it is verified. For one caller at a time.
/// </summary>
public sealed class TufClient(IMetadataStore store, IMetadataSource source, TimeProvider clock)
{
    private TrustedSet? trusted;

    /// <summary>Trusts a root because whoever calls says so.</summary>
    /// <exception cref="TufException">It is malformed, or not signed by its own keys.</exception>
    public static Task TrustAsync(IMetadataStore store, ReadOnlyMemory<byte> root, CancellationToken cancellationToken)
    {
        _ = new TrustedSet(root);
        return store.WriteAsync(RoleNames.Root, root, cancellationToken);
    }

    /// <summary>Brings roots, timestamp, snapshot and top-level targets up to date.</summary>
    /// <exception cref="TufException">Something is refused or cannot be fetched. What was verified before it is kept.</exception>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        trusted = null;
        var root =
            await store.ReadAsync(RoleNames.Root, cancellationToken)
            ?? throw new TufException(TufFault.NotFound, "root.json", "is missing: no root is trusted yet");
        var set = new TrustedSet(root);
        await UpdateRootAsync(set, cancellationToken);
        set.Remember(
            await store.ReadAsync(RoleNames.Timestamp, cancellationToken),
            await store.ReadAsync(RoleNames.Snapshot, cancellationToken)
        );
        await UpdateTimestampAsync(set, cancellationToken);
        await UpdateSnapshotAsync(set, cancellationToken);
        await LoadTargetsAsync(set, set.TopLevelTargets, cancellationToken);
        trusted = set;
    }

    /// <summary>
    /// Looks a target up, asking delegated roles in order, depth first; fetches those that are not known yet. Refreshes
    /// first if that has not happened.
    /// </summary>
    /// <returns>Null when nobody signs for it.</returns>
    /// <exception cref="TufException">A role that had to be asked is refused or cannot be fetched.</exception>
    public async Task<TargetFile?> FindAsync(string path, CancellationToken cancellationToken)
    {
        var set = await TrustedAsync(cancellationToken);
        var visited = new HashSet<string>();
        var next = new Stack<Authority>([set.TopLevelTargets]);
        while (next.TryPop(out var authority))
        {
            if (visited.Count > MetadataLimits.Delegations)
                throw new TufException(
                    TufFault.NotFound,
                    path,
                    $"was not found among the first {MetadataLimits.Delegations} delegated roles"
                );
            if (!visited.Add(authority.RoleName))
                continue;
            var role = await LoadTargetsAsync(set, authority, cancellationToken);
            if (role.Targets.TryGetValue(path, out var target))
                return target;
            if (role.Delegations is { } delegations)
                PushMatching(next, delegations, path);
        }
        return null;
    }

    /// <summary>Fetches a target into a folder, unless it is there already.</summary>
    /// <param name="folder">Is there already. The file's name is the path, percent-encoded as one segment.</param>
    /// <returns>The file's path.</returns>
    /// <exception cref="TufException">Nobody signs for it, or what comes is something else. A file that was there stays.</exception>
    public async Task<string> DownloadAsync(
        string path,
        ITargetSource targets,
        string folder,
        CancellationToken cancellationToken
    )
    {
        var target =
            await FindAsync(path, cancellationToken)
            ?? throw new TufException(TufFault.NotFound, path, "is signed for by nobody");
        var segments = TargetPath.Segments(path);
        var file = Path.Combine(folder, Uri.EscapeDataString(path));
        if (await TargetDownload.IsThereAsync(path, target, file, cancellationToken))
            return file;

        if ((await TrustedAsync(cancellationToken)).Root.ConsistentSnapshot)
            segments[^1] = $"{target.Hashes.MinBy(h => h.Key).Value}.{segments[^1]}";
        var bytes = targets.FetchAsync(string.Join('/', segments.Select(Uri.EscapeDataString)), cancellationToken);
        await TargetDownload.StoreAsync(path, target, bytes, file, cancellationToken);
        return file;
    }

    private async Task<TrustedSet> TrustedAsync(CancellationToken cancellationToken)
    {
        if (trusted is null)
            await RefreshAsync(cancellationToken);
        return trusted!;
    }

    private async Task UpdateRootAsync(TrustedSet set, CancellationToken cancellationToken)
    {
        for (var steps = 0; ; steps++)
        {
            var name = $"{set.Root.Version + 1}.root.json";
            if (await source.FetchAsync(name, MetadataLimits.RootBytes, cancellationToken) is not { } bytes)
                break;
            // Those that were followed are kept: the next time goes on from there.
            if (steps == MetadataLimits.Roots)
                throw new TufException(
                    TufFault.Malformed,
                    name,
                    $"comes after {MetadataLimits.Roots} new roots: try again"
                );
            set.AddRoot(name, bytes);
            await store.WriteAsync(RoleNames.Root, bytes, cancellationToken);
        }
        set.CompleteRoots(clock.GetUtcNow());
    }

    private async Task UpdateTimestampAsync(TrustedSet set, CancellationToken cancellationToken)
    {
        const string Name = "timestamp.json";
        var bytes = await FetchAsync(Name, MetadataLimits.TimestampBytes, cancellationToken);
        if (set.AddTimestamp(Name, bytes, clock.GetUtcNow()))
            await store.WriteAsync(RoleNames.Timestamp, bytes, cancellationToken);
    }

    private async Task UpdateSnapshotAsync(TrustedSet set, CancellationToken cancellationToken)
    {
        if (set.UseKnownSnapshot(clock.GetUtcNow()))
            return;
        var name = NameOf(set, RoleNames.Snapshot, set.SnapshotFacts);
        var bytes = await FetchAsync(name, LimitOf(set.SnapshotFacts, MetadataLimits.SnapshotBytes), cancellationToken);
        set.AddSnapshot(name, bytes, clock.GetUtcNow());
        await store.WriteAsync(RoleNames.Snapshot, bytes, cancellationToken);
    }

    private async Task<TargetsMetadata> LoadTargetsAsync(
        TrustedSet set,
        Authority authority,
        CancellationToken cancellationToken
    )
    {
        if (set.TargetsBy(authority) is { } known)
            return known;

        var role = authority.RoleName;
        var facts = set.FactsOf(role);
        if (
            await store.ReadAsync(role, cancellationToken) is { } stored
            && set.TryAddTargets(authority, stored, clock.GetUtcNow()) is { } wanted
        )
            return wanted;

        var name = NameOf(set, role, facts);
        var bytes = await FetchAsync(name, LimitOf(facts, MetadataLimits.TargetsBytes), cancellationToken);
        var added = set.AddTargets(authority, name, bytes, clock.GetUtcNow());
        await store.WriteAsync(role, bytes, cancellationToken);
        return added;
    }

    /// <summary>The roles to ask next, in order; a terminating one is the last of all.</summary>
    private static void PushMatching(Stack<Authority> next, Delegations delegations, string path)
    {
        var matching = new List<Authority>();
        foreach (var role in delegations.Roles.Where(r => TargetPath.IsOf(r, path)))
        {
            matching.Add(Authority.Of(delegations, role));
            if (role.Terminating)
            {
                next.Clear();
                break;
            }
        }
        foreach (var authority in Enumerable.Reverse(matching))
            next.Push(authority);
    }

    private async Task<ReadOnlyMemory<byte>> FetchAsync(
        string name,
        int maxBytes,
        CancellationToken cancellationToken
    ) =>
        await source.FetchAsync(name, maxBytes, cancellationToken)
        ?? throw new TufException(TufFault.Unavailable, name, "is not in the repository");

    private static string NameOf(TrustedSet set, string role, MetadataFile facts)
    {
        var name = $"{Uri.EscapeDataString(role)}.json";
        return set.Root.ConsistentSnapshot ? $"{facts.Version}.{name}" : name;
    }

    private static int LimitOf(MetadataFile facts, int limit) => (int)Math.Min(facts.Length ?? limit, limit);
}
