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
    private static readonly string[] OnlineRoles = [RoleNames.Targets, RoleNames.Snapshot, RoleNames.Timestamp];

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
        foreach (var role in OnlineRoles)
            await keys.AddNewAsync(role, 1, files, passphrase, cancellationToken);
        var root = new RootMetadata(
            Version: 1,
            Expires(now, settings.Expiries.RootDays),
            keys.Public,
            keys.Roles(settings.RootThreshold),
            ConsistentSnapshot: true
        );
        await files.WriteRootAsync(1, MetadataWriter.Write(root, keys.Of(RoleNames.Root)), cancellationToken);
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

    /// <summary>
    /// Signs a release, and gives all metadata of this moment. For one that was signed before, with the same index, what
    /// was signed then is given out again: a command that was cut short can be repeated.
    /// </summary>
    /// <exception cref="RefusedException">The version is signed with another index, or the repository is not whole.</exception>
    /// <exception cref="TufException">The passphrase is wrong, the root has expired, or a file was changed.</exception>
    public async Task<SignedRelease> AddReleaseAsync(
        ReleaseDescriptor descriptor,
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
        var roots = await ReadRootsAsync(cancellationToken);
        var published = Published.Verify(await folder.ReadPublishedAsync(roots, cancellationToken));
        var bytes = await AlreadySignedAsync(published, descriptor, cancellationToken);
        if (bytes is not null && published!.IsGood(now))
            return new(published.Metadata, bytes);

        bytes ??= descriptor.ToBytes();
        var target = TargetFile.Of(bytes);
        await folder.WriteTargetAsync(descriptor.TargetPath, target, bytes, cancellationToken);
        var targets = new SortedDictionary<string, TargetFile>(
            published?.Targets.ToDictionary() ?? [],
            StringComparer.Ordinal
        )
        {
            [descriptor.TargetPath] = target,
        };
        return new(await PublishAsync(roots, published, targets, passphrase, now, cancellationToken), bytes);
    }

    /// <summary>
    /// Makes the next root, signed by the present root keys and the new ones. With new online keys, what was signed
    /// before is signed anew with the next release.
    /// </summary>
    /// <exception cref="RefusedException">Keys are missing, or the rotation cannot be.</exception>
    /// <exception cref="TufException">The passphrase is wrong, or a file was changed.</exception>
    public async Task RotateRootAsync(
        RootRotation rotation,
        string passphrase,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        if (rotation.NewRootKeys is { } count)
            SignerSettings.CheckKeys(count, rotation.RootThreshold);

        using var alone = folder.Lock();
        var roots = await ReadRootsAsync(cancellationToken);
        var current = NewestOf(roots);
        using var keys = new KeySet();
        await keys.OpenAsync(RoleNames.Root, current, folder, passphrase, cancellationToken);
        var signers = keys.Of(RoleNames.Root);

        using var fresh = new KeySet();
        if (rotation.NewRootKeys is { } rootKeys)
            await fresh.AddNewAsync(RoleNames.Root, rootKeys, folder, passphrase, cancellationToken);
        if (rotation.NewOnlineKeys)
        {
            foreach (var role in OnlineRoles)
                await fresh.AddNewAsync(role, 1, folder, passphrase, cancellationToken);
        }

        var roles = current.Roles.ToDictionary();
        foreach (var (role, roleKeys) in fresh.Roles(rotation.RootThreshold))
            roles[role] = roleKeys;
        var used = roles.Values.SelectMany(r => r.KeyIds).ToHashSet();
        var next = current with
        {
            Version = current.Version + 1,
            Expires = Expires(now, expiries.RootDays),
            Keys = current.Keys.Concat(fresh.Public).Where(k => used.Contains(k.Key)).ToDictionary(),
            Roles = roles,
        };
        var written = MetadataWriter.Write(next, [.. signers, .. fresh.Of(RoleNames.Root)]);
        OfflineVerification.AddRoots(OfflineVerification.Pin(roots[0]), [.. roots, written]);
        await folder.WriteRootAsync(next.Version, written, cancellationToken);
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

    private async Task<MetadataSet> PublishAsync(
        IReadOnlyList<ReadOnlyMemory<byte>> roots,
        Published? published,
        IReadOnlyDictionary<string, TargetFile> targets,
        string passphrase,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        var root = NewestOf(roots);
        if (now >= root.Expires)
            throw new RefusedException(
                $"the root {root.Version} in {folder.Path} expired at {root.Expires:u}: make the next one before anything is signed"
            );
        using var keys = new KeySet();
        foreach (var role in OnlineRoles)
            await keys.OpenAsync(role, root, folder, passphrase, cancellationToken);

        // Above whatever file there is, also one that was left when a command was cut short before it was given out.
        var targetsVersion = folder.HighestVersion(RoleNames.Targets) + 1;
        var snapshotVersion = folder.HighestVersion(RoleNames.Snapshot) + 1;
        var targetsBytes = MetadataWriter.Write(
            new TargetsMetadata(targetsVersion, Expires(now, expiries.TargetsDays), targets, Delegations: null),
            keys.Of(RoleNames.Targets)
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
            keys.Of(RoleNames.Snapshot)
        );
        var timestampBytes = MetadataWriter.Write(
            new TimestampMetadata(
                (published?.TimestampVersion ?? 0) + 1,
                Expires(now, expiries.TimestampDays),
                MetadataFile.Of(snapshotVersion, snapshotBytes.Span)
            ),
            keys.Of(RoleNames.Timestamp)
        );
        var metadata = new MetadataSet(roots, timestampBytes, snapshotBytes, targetsBytes);
        // As an appliance will: what it would refuse never leaves.
        OfflineVerification.Verify(
            published?.StateUnder(roots) ?? OfflineVerification.Pin(roots[0]),
            metadata,
            now,
            acceptExpired: false
        );
        await folder.PublishAsync(metadata, snapshotVersion, targetsVersion, cancellationToken);
        return metadata;
    }

    private async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ReadRootsAsync(CancellationToken cancellationToken)
    {
        var roots = await folder.ReadRootsAsync(cancellationToken);
        if (roots.Count == 0)
            throw new RefusedException($"{PinnedRootFile} is missing: bring it back from a backup of the repository");
        return OfflineVerification.AddRoots(OfflineVerification.Pin(roots[0]), roots).Roots;
    }

    private static RootMetadata NewestOf(IReadOnlyList<ReadOnlyMemory<byte>> roots) =>
        UnverifiedMetadata.Root($"{roots.Count}.root.json", roots[^1]);

    private static DateTimeOffset Expires(DateTimeOffset now, int days) =>
        DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()).AddDays(days);
}
