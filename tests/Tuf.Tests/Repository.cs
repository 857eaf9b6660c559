using Appliance.Tuf;

namespace Tuf.Tests;

/// <summary>A signer in memory, with one key for each role, which can do everything wrong.</summary>
internal sealed class Repository : IDisposable
{
    public static readonly DateTimeOffset Now = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Later = Now.AddDays(400);

    private readonly Dictionary<string, IReadOnlyList<SigningKey>> keys = new()
    {
        [RoleNames.Root] = [SigningKey.Generate()],
        [RoleNames.Timestamp] = [SigningKey.Generate()],
        [RoleNames.Snapshot] = [SigningKey.Generate()],
        [RoleNames.Targets] = [SigningKey.Generate()],
    };

    public Repository()
    {
        Root = new(1, Later, new Dictionary<string, Key>(), new Dictionary<string, RoleKeys>(), true);
        TakeKeys();
        AddRoot();
    }

    public List<ReadOnlyMemory<byte>> Roots { get; } = [];

    public RootMetadata Root { get; set; }

    public int Threshold { get; set; } = 1;

    public Dictionary<string, TargetFile> Targets { get; } = [];

    public Dictionary<string, MetadataFile> MoreInSnapshot { get; } = [];

    public Dictionary<string, long> Versions { get; } =
        new()
        {
            [RoleNames.Timestamp] = 1,
            [RoleNames.Snapshot] = 1,
            [RoleNames.Targets] = 1,
        };

    public Dictionary<string, DateTimeOffset> Expiries { get; } =
        new()
        {
            [RoleNames.Timestamp] = Later,
            [RoleNames.Snapshot] = Later,
            [RoleNames.Targets] = Later,
        };

    public Delegations? Delegations { get; set; }

    public ReadOnlyMemory<byte> FirstRoot => Roots[0];

    public TrustedState Pinned => OfflineVerification.Pin(FirstRoot);

    public IReadOnlyList<SigningKey> KeysOf(string role) => keys[role];

    /// <summary>New keys for a role, from the next root on.</summary>
    public void Rotate(string role, int count = 1)
    {
        keys[role] = [.. Enumerable.Range(0, count).Select(_ => SigningKey.Generate())];
        TakeKeys();
    }

    public void Use(string role, IReadOnlyList<SigningKey> others)
    {
        keys[role] = others;
        TakeKeys();
    }

    /// <summary>The next root, signed by those given; by default by all root keys, the old and the new.</summary>
    public ReadOnlyMemory<byte> AddRoot(IReadOnlyList<SigningKey>? signers = null)
    {
        var previous = Roots.Count > 0 ? lastRootKeys : [];
        Root = Root with { Version = Roots.Count + 1 };
        Roots.Add(MetadataWriter.Write(Root, signers ?? [.. previous.Union(keys[RoleNames.Root])]));
        lastRootKeys = keys[RoleNames.Root];
        return Roots[^1];
    }

    public void NextVersions()
    {
        foreach (var role in Versions.Keys)
            Versions[role]++;
    }

    public MetadataSet Sign()
    {
        var targets = SignTargets();
        var snapshot = SignSnapshot(targets);
        return new([.. Roots], SignTimestamp(snapshot), snapshot, targets);
    }

    public ReadOnlyMemory<byte> SignTargets() =>
        MetadataWriter.Write(
            new TargetsMetadata(Versions[RoleNames.Targets], Expiries[RoleNames.Targets], Targets, Delegations),
            keys[RoleNames.Targets]
        );

    public ReadOnlyMemory<byte> SignSnapshot(ReadOnlyMemory<byte> targets) =>
        MetadataWriter.Write(
            new SnapshotMetadata(
                Versions[RoleNames.Snapshot],
                Expiries[RoleNames.Snapshot],
                new Dictionary<string, MetadataFile>(MoreInSnapshot)
                {
                    ["targets.json"] = MetadataFile.Of(Versions[RoleNames.Targets], targets.Span),
                }
            ),
            keys[RoleNames.Snapshot]
        );

    public ReadOnlyMemory<byte> SignTimestamp(ReadOnlyMemory<byte> snapshot) =>
        MetadataWriter.Write(
            new TimestampMetadata(
                Versions[RoleNames.Timestamp],
                Expiries[RoleNames.Timestamp],
                MetadataFile.Of(Versions[RoleNames.Snapshot], snapshot.Span)
            ),
            keys[RoleNames.Timestamp]
        );

    public void Dispose()
    {
        foreach (var key in keys.Values.SelectMany(k => k))
            key.Dispose();
    }

    private IReadOnlyList<SigningKey> lastRootKeys = [];

    private void TakeKeys() =>
        Root = Root with
        {
            Keys = keys.Values.SelectMany(k => k).DistinctBy(k => k.KeyId).ToDictionary(k => k.KeyId, k => k.Public),
            Roles = keys.ToDictionary(
                k => k.Key,
                k => new RoleKeys([.. k.Value.Select(key => key.KeyId)], k.Key == RoleNames.Root ? Threshold : 1)
            ),
        };
}
