using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Signing;

/// <summary>
/// A folder that signs a product's releases. It owns the versions of the metadata and the history of roots: no version
/// is ever used twice, whatever is killed when. Who has the folder and the passphrase can sign; a backup of it is the
/// only way back when it is lost.
/// </summary>
public sealed class SignerRepository
{
    private static readonly string[] ReleaseRoles = [RoleNames.Targets, RoleNames.Snapshot, RoleNames.Timestamp];

    private readonly SignerFolder folder;
    private readonly SignerExpiries expiries;

    private SignerRepository(SignerFolder folder, string product, SignerExpiries expiries) =>
        (this.folder, Product, this.expiries) = (folder, product, expiries);

    /// <summary>The product whose releases it signs.</summary>
    public string Product { get; }

    /// <summary>The root that appliances are made to trust.</summary>
    public string PinnedRootFile => folder.RootFile(1);

    /// <summary>Makes keys, and the first root.</summary>
    /// <param name="directory">A new folder, or an empty one.</param>
    /// <param name="passphrase">What the keys are encrypted with, and opened with each time.</param>
    /// <exception cref="RefusedException">The folder is a repository already, or not empty, or the settings cannot be.</exception>
    public static async Task<SignerRepository> CreateAsync(
        string directory,
        SignerSettings settings,
        string passphrase,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        settings.Check();
        var files = new SignerFolder(directory);
        files.MakeFolders();

        using var keys = new KeySet();
        await keys.AddNewAsync(RoleNames.Root, settings.RootKeys, files, passphrase, cancellationToken);
        foreach (var role in ReleaseRoles)
            await keys.AddNewAsync(role, 1, files, passphrase, cancellationToken);
        var root = new RootMetadata(
            Version: 1,
            Expires(now, settings.Expiries.RootDays),
            keys.Public,
            keys.Roles(settings.RootThreshold),
            ConsistentSnapshot: true
        );
        var written = MetadataWriter.Write(root, keys.Of(RoleNames.Root));
        await files.Seal.WriteAsync(written, passphrase, cancellationToken);
        await files.WriteRootAsync(1, written, cancellationToken);
        // Last: what was cut short before is not taken for a repository.
        await files.WriteSettingsAsync(settings.Product, settings.Expiries, cancellationToken);
        return new(files, settings.Product, settings.Expiries);
    }

    /// <exception cref="RefusedException">It is no signer's repository.</exception>
    public static async Task<SignerRepository> OpenAsync(string directory, CancellationToken cancellationToken)
    {
        var files = new SignerFolder(directory);
        var (product, expiries) = await files.ReadSettingsAsync(cancellationToken);
        return new(files, product, expiries);
    }

    /// <inheritdoc cref="AddReleaseAsync(ReleaseDescriptor, ReleaseDeltas, string, DateTimeOffset, CancellationToken)"/>
    public Task<SignedRelease> AddReleaseAsync(
        ReleaseDescriptor descriptor,
        string passphrase,
        DateTimeOffset now,
        CancellationToken cancellationToken
    ) => AddReleaseAsync(descriptor, deltas: null, passphrase, now, cancellationToken);

    /// <summary>
    /// Signs a release, and gives all metadata of this moment. For one that was signed before, with the same index, what
    /// was signed then is given out again: a command that was cut short can be repeated.
    /// </summary>
    /// <param name="deltas">Signed beside it, in the place of those that were before; null: those stay.</param>
    /// <exception cref="RefusedException">The version is signed with another index, or the repository is not whole.</exception>
    /// <exception cref="TufException">The passphrase is wrong, the root has expired, or a file was changed.</exception>
    public async Task<SignedRelease> AddReleaseAsync(
        ReleaseDescriptor descriptor,
        ReleaseDeltas? deltas,
        string passphrase,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        if (descriptor.Product != Product)
            throw new RefusedException(
                $"{folder.Path} signs releases of '{Product}', and this is one of '{descriptor.Product}'"
            );

        using var alone = folder.Lock();
        var roots = await ReadRootsAsync(passphrase, cancellationToken);
        var published = Published.Verify(await folder.ReadPublishedAsync(roots, cancellationToken));
        var bytes = await AlreadySignedAsync(published, descriptor, cancellationToken);
        bytes ??= descriptor.ToBytes();
        var files = FilesOf(descriptor, bytes, deltas);
        if (published is not null && published.IsGood(now) && files.All(f => published.Names(f.Path, f.Target)))
            return new(published.Metadata, bytes);

        var targets = new SortedDictionary<string, TargetFile>(
            published?.Targets.ToDictionary() ?? [],
            StringComparer.Ordinal
        );
        foreach (var (path, target, content) in files)
        {
            await folder.WriteTargetAsync(path, target, content, cancellationToken);
            targets[path] = target;
        }

        var root = NewestOf(roots);
        if (now >= root.Expires)
            throw new RefusedException(
                $"the root {root.Version} in {folder.Path} expired at {root.Expires:u}: make the next one with `appliancectl bundle keys rotate {folder.Path}` before anything is signed"
            );
        using var keys = new KeySet();
        await OpenReleaseKeysAsync(keys, root, passphrase, cancellationToken);
        var metadata = Sign(roots, published, targets, keys.Of, now);
        DemandGood(published, metadata, now);
        await folder.PublishAsync(metadata);
        return new(metadata, bytes);
    }

    /// <summary>
    /// Makes the next root, signed by the present root keys and the new ones. With new release keys, what is given out is
    /// signed anew with them.
    /// </summary>
    /// <returns>The new root's version.</returns>
    /// <exception cref="RefusedException">Keys are missing, or the rotation cannot be.</exception>
    /// <exception cref="TufException">The passphrase is wrong, or a file was changed.</exception>
    public async Task<long> RotateRootAsync(
        RootRotation rotation,
        string passphrase,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        if (rotation.NewRootKeys is { } count)
            SignerSettings.CheckKeys(count, rotation.RootThreshold);

        using var alone = folder.Lock();
        var roots = await ReadRootsAsync(passphrase, cancellationToken);
        var published = Published.Verify(await folder.ReadPublishedAsync(roots, cancellationToken));
        var current = NewestOf(roots);
        using var keys = new KeySet();
        await keys.OpenAsync(RoleNames.Root, current, folder, passphrase, cancellationToken);
        if (rotation.NewReleaseKeys && published is not null)
            await OpenReleaseKeysAsync(keys, current, passphrase, cancellationToken);

        using var fresh = await MakeKeysAsync(rotation, passphrase, cancellationToken);
        IReadOnlyList<SigningKey> Both(string role) => [.. keys.Of(role), .. fresh.Of(role)];
        var next = MetadataWriter.Write(Successor(current, fresh, rotation, now), Both(RoleNames.Root));
        var followed = OfflineVerification.AddRoots(OfflineVerification.Pin(roots[0]), [.. roots, next]).Roots;
        if (rotation.NewReleaseKeys && published is not null)
        {
            // By the old keys too, and before the root: whatever is cut short, what is given out is good by the newest
            // root that is there.
            var metadata = Sign(roots, published, published.Targets, Both, now);
            DemandGood(published, metadata with { Roots = followed }, now);
            await folder.PublishAsync(metadata);
        }
        await folder.WriteRootAsync(current.Version + 1, next, CancellationToken.None);
        return current.Version + 1;
    }

    private async Task<KeySet> MakeKeysAsync(
        RootRotation rotation,
        string passphrase,
        CancellationToken cancellationToken
    )
    {
        var fresh = new KeySet();
        try
        {
            if (rotation.NewRootKeys is { } rootKeys)
                await fresh.AddNewAsync(RoleNames.Root, rootKeys, folder, passphrase, cancellationToken);
            foreach (var role in rotation.NewReleaseKeys ? ReleaseRoles : [])
                await fresh.AddNewAsync(role, 1, folder, passphrase, cancellationToken);
            return fresh;
        }
        catch
        {
            fresh.Dispose();
            throw;
        }
    }

    private RootMetadata Successor(RootMetadata current, KeySet fresh, RootRotation rotation, DateTimeOffset now)
    {
        var roles = current.Roles.ToDictionary();
        foreach (var (role, roleKeys) in fresh.Roles(rotation.RootThreshold))
            roles[role] = roleKeys;
        var used = roles.Values.SelectMany(r => r.KeyIds).ToHashSet();
        return current with
        {
            Version = current.Version + 1,
            Expires = Expires(now, expiries.RootDays),
            Keys = current.Keys.Concat(fresh.Public).Where(k => used.Contains(k.Key)).ToDictionary(),
            Roles = roles,
        };
    }

    /// <summary>The release that was signed under a version.</summary>
    /// <exception cref="RefusedException">None was, or the repository is not whole.</exception>
    /// <exception cref="TufException">The passphrase is wrong, or a file was changed.</exception>
    public async Task<ReleaseDescriptor> ReadReleaseAsync(
        SemanticVersion version,
        string passphrase,
        CancellationToken cancellationToken
    )
    {
        using var alone = folder.Lock();
        var roots = await ReadRootsAsync(passphrase, cancellationToken);
        var published = Published.Verify(await folder.ReadPublishedAsync(roots, cancellationToken));
        var path = ReleaseDescriptor.TargetPathOf(Product, version);
        if (published is null || !published.Targets.TryGetValue(path, out var target))
            throw new RefusedException($"{folder.Path} has not signed {Product} {version}");
        var bytes = await folder.ReadTargetAsync(path, target, cancellationToken);
        target.Check(path, bytes);
        return ReleaseDescriptor.Parse(bytes);
    }

    private static List<(string Path, TargetFile Target, byte[] Content)> FilesOf(
        ReleaseDescriptor descriptor,
        byte[] bytes,
        ReleaseDeltas? deltas
    )
    {
        var files = new List<(string, TargetFile, byte[])> { (descriptor.TargetPath, TargetFile.Of(bytes), bytes) };
        if (deltas?.ToBytes() is { } more)
        {
            // As an appliance will: what it would refuse is not signed.
            _ = ReleaseDeltas.Parse(more);
            files.Add((ReleaseDeltas.TargetPathBeside(descriptor.TargetPath), TargetFile.Of(more), more));
        }
        return files;
    }

    /// <summary>The descriptor that is signed for under this version; null: none.</summary>
    private async Task<byte[]?> AlreadySignedAsync(
        Published? published,
        ReleaseDescriptor descriptor,
        CancellationToken cancellationToken
    )
    {
        var path = descriptor.TargetPath;
        if (published is null || !published.Targets.TryGetValue(path, out var target))
            return null;
        var bytes = await folder.ReadTargetAsync(path, target, cancellationToken);
        target.Check(path, bytes);
        var signed = ReleaseDescriptor.Parse(bytes);
        return signed.Index == descriptor.Index
            ? bytes
            : throw new RefusedException(
                $"{Product} {descriptor.Version} was signed before with the index {signed.Index.Digest}, and this is {descriptor.Index.Digest}: a release is never changed, so give this one a new version"
            );
    }

    private async Task OpenReleaseKeysAsync(
        KeySet keys,
        RootMetadata root,
        string passphrase,
        CancellationToken cancellationToken
    )
    {
        foreach (var role in ReleaseRoles)
            await keys.OpenAsync(role, root, folder, passphrase, cancellationToken);
    }

    private MetadataSet Sign(
        IReadOnlyList<ReadOnlyMemory<byte>> roots,
        Published? published,
        IReadOnlyDictionary<string, TargetFile> targets,
        Func<string, IReadOnlyList<SigningKey>> keysOf,
        DateTimeOffset now
    )
    {
        // Above whatever file there is, also one that was left when a command was cut short before it was given out.
        var targetsVersion = folder.HighestVersion(RoleNames.Targets) + 1;
        var snapshotVersion = folder.HighestVersion(RoleNames.Snapshot) + 1;
        var targetsBytes = MetadataWriter.Write(
            new TargetsMetadata(targetsVersion, Expires(now, expiries.TargetsDays), targets, Delegations: null),
            keysOf(RoleNames.Targets)
        );
        var snapshotBytes = MetadataWriter.Write(
            new SnapshotMetadata(
                snapshotVersion,
                Expires(now, expiries.SnapshotDays),
                new Dictionary<string, MetadataFile>
                {
                    ["targets.json"] = MetadataFile.Of(targetsVersion, targetsBytes.Span),
                }
            ),
            keysOf(RoleNames.Snapshot)
        );
        var timestampBytes = MetadataWriter.Write(
            new TimestampMetadata(
                (published?.TimestampVersion ?? 0) + 1,
                Expires(now, expiries.TimestampDays),
                MetadataFile.Of(snapshotVersion, snapshotBytes.Span)
            ),
            keysOf(RoleNames.Timestamp)
        );
        return new(roots, timestampBytes, snapshotBytes, targetsBytes);
    }

    /// <summary>As an appliance will: what it would refuse never leaves.</summary>
    private static void DemandGood(Published? published, MetadataSet metadata, DateTimeOffset now) =>
        OfflineVerification.Verify(
            published?.StateUnder(metadata.Roots) ?? OfflineVerification.Pin(metadata.Roots[0]),
            metadata,
            now,
            acceptExpired: false
        );

    private async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ReadRootsAsync(
        string passphrase,
        CancellationToken cancellationToken
    )
    {
        var roots = await folder.ReadRootsAsync(cancellationToken);
        await folder.Seal.DemandAsync(PinnedRootFile, roots[0], passphrase, cancellationToken);
        return OfflineVerification.AddRoots(OfflineVerification.Pin(roots[0]), roots).Roots;
    }

    private static RootMetadata NewestOf(IReadOnlyList<ReadOnlyMemory<byte>> roots) =>
        UnverifiedMetadata.Root($"{roots.Count}.root.json", roots[^1]);

    private static DateTimeOffset Expires(DateTimeOffset now, int days) =>
        DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()).AddDays(days);
}
