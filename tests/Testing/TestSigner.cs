using Appliance.Bundles.Compose;
using Appliance.Bundles.Deltas;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Testing;

/// <summary>
/// A vendor that signs bundles: what a <c>SignerRepository</c> does, with keys that are kept in memory and so cost no time.
/// </summary>
public sealed class TestSigner : IDisposable
{
    private readonly ScratchFolder folder = new();
    private readonly Dictionary<string, SigningKey> keys = new()
    {
        [RoleNames.Root] = SigningKey.Generate(),
        [RoleNames.Targets] = SigningKey.Generate(),
        [RoleNames.Snapshot] = SigningKey.Generate(),
        [RoleNames.Timestamp] = SigningKey.Generate(),
    };
    private readonly Dictionary<string, TargetFile> targets = [];
    private readonly List<ReadOnlyMemory<byte>> roots = [];
    private readonly List<SigningKey> retired = [];
    private readonly Dictionary<string, (ReleaseContent Content, BlobSpool Spool)> made = [];
    private long version;

    /// <param name="product">As in the Compose file's <c>name</c>.</param>
    public TestSigner(string product)
    {
        Product = product;
        SignRoot();
        File.WriteAllBytes(RootFile, roots[0].ToArray());
    }

    /// <summary>The product of what is signed next.</summary>
    public string Product { get; set; }

    /// <summary>What an appliance is given to trust.</summary>
    public string RootFile => folder["root.json"];

    /// <summary>The agent that what is signed next brings; null: none.</summary>
    public (string Path, string Version)? Agent { get; set; }

    /// <summary>Until when what is signed next may be relied on, to the second.</summary>
    public DateTimeOffset Expires { get; set; } = new(2999, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>What the descriptors say of when they were signed.</summary>
    public DateTimeOffset SignedAt { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Takes new keys for every role; the first root leads to them.</summary>
    public void Rotate()
    {
        var before = keys[RoleNames.Root];
        retired.AddRange(keys.Values);
        foreach (var role in keys.Keys.ToList())
            keys[role] = SigningKey.Generate();
        SignRoot(before);
    }

    /// <summary>Signs a release, and gives the path of its bundle.</summary>
    /// <param name="releaseVersion">Not used before.</param>
    /// <param name="release">A folder with <c>compose.yaml</c> and what it names.</param>
    /// <param name="images">The images that it may use.</param>
    /// <param name="upgradeFrom">Versions that may be upgraded to this one; null: any lower.</param>
    /// <param name="ct">Cancels the work.</param>
    public async Task<string> BundleAsync(
        string releaseVersion,
        string release,
        IEnumerable<BusyboxImage> images,
        string? upgradeFrom,
        CancellationToken ct
    ) => (await BundlesAsync(releaseVersion, release, images, upgradeFrom, deltasFrom: [], ct)).Whole;

    /// <summary>As <see cref="BundleAsync"/>, and a second bundle with deltas from earlier versions, which may be there.</summary>
    public async Task<(string Whole, string? Small)> BundlesAsync(
        string releaseVersion,
        string release,
        IEnumerable<BusyboxImage> images,
        string? upgradeFrom,
        IEnumerable<string> deltasFrom,
        CancellationToken ct
    )
    {
        var (source, result) = await ReleaseSource.ReadAsync(
            Path.Combine(release, "compose.yaml"),
            new ComposeOptions(),
            ct
        );
        if (source is null)
            throw new InvalidOperationException(string.Join('\n', result.Errors));

        var spool = new BlobSpool(folder.Path);
        var library = new ImageLibrary(spool, Platform.Host);
        foreach (var image in images)
        {
            using var archive = new MemoryStream(image.Archive.ToArray());
            await library.AddArchiveAsync(archive, image.Reference, ct);
        }
        var number = SemanticVersion.TryParse(releaseVersion)!;
        var range = upgradeFrom is null ? null : VersionRange.TryParse(upgradeFrom);
        var agent = Agent is { } own
            ? await AgentImage.AddAsync(own.Path, SemanticVersion.TryParse(own.Version)!, Platform.Host, spool, ct)
            : null;
        var index = await ReleaseBuilder.BuildAsync(
            new ReleaseDocument(Product, number, range, Allowances.None),
            source.Files,
            source.Model.Services.Values.Select(s => s.Image),
            library,
            spool,
            ct,
            agent
        );
        var described = new ReleaseDescriptor(Product, number, index, SignedAt);
        var content = await ReleaseContentReader.ReadAsync(described, spool.OpenAsync, ct);
        made[releaseVersion] = (content, spool);
        var earlier = deltasFrom.Select(v => new EarlierRelease(made[v].Content, made[v].Spool.OpenAsync)).ToList();
        var deltas =
            earlier.Count == 0
                ? null
                : (
                    await new DeltaMaker(new Xdelta(TimeProvider.System), folder.Path, spool).MakeAsync(
                        content,
                        earlier,
                        progress: null,
                        ct
                    )
                ).Deltas;
        var metadata = Sign(described, deltas);
        return (
            await WriteAsync($"{Product}-{releaseVersion}.bundle", deltas: null),
            deltas is null ? null : await WriteAsync($"{Product}-{releaseVersion}.delta.bundle", deltas)
        );

        async Task<string> WriteAsync(string name, ReleaseDeltas? deltas)
        {
            await using var file = File.Create(folder[name]);
            await BundleWriter.WriteAsync(file, metadata, described.ToBytes(), deltas, spool.OpenAsync, null, ct);
            return folder[name];
        }
    }

    public void Dispose()
    {
        foreach (var key in keys.Values.Concat(retired))
            key.Dispose();
        foreach (var (_, spool) in made.Values)
            spool.Dispose();
        folder.Dispose();
    }

    private void SignRoot(params IEnumerable<SigningKey> before) =>
        roots.Add(
            MetadataWriter.Write(
                new RootMetadata(
                    roots.Count + 1,
                    Expires,
                    keys.Values.ToDictionary(k => k.KeyId, k => k.Public),
                    keys.ToDictionary(k => k.Key, k => new RoleKeys([k.Value.KeyId], 1)),
                    ConsistentSnapshot: true
                ),
                [.. before, keys[RoleNames.Root]]
            )
        );

    private MetadataSet Sign(ReleaseDescriptor release, ReleaseDeltas? deltas)
    {
        targets[release.TargetPath] = TargetFile.Of(release.ToBytes());
        if (deltas is not null)
            targets[ReleaseDeltas.TargetPathBeside(release.TargetPath)] = TargetFile.Of(deltas.ToBytes());
        version++;
        var signedTargets = MetadataWriter.Write(
            new TargetsMetadata(version, Expires, targets, Delegations: null),
            [keys[RoleNames.Targets]]
        );
        var snapshot = MetadataWriter.Write(
            new SnapshotMetadata(
                version,
                Expires,
                new Dictionary<string, MetadataFile> { ["targets.json"] = MetadataFile.Of(version, signedTargets.Span) }
            ),
            [keys[RoleNames.Snapshot]]
        );
        var timestamp = MetadataWriter.Write(
            new TimestampMetadata(version, Expires, MetadataFile.Of(version, snapshot.Span)),
            [keys[RoleNames.Timestamp]]
        );
        return new MetadataSet([.. roots], timestamp, snapshot, signedTargets);
    }
}
