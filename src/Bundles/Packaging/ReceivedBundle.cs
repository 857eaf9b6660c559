using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Packaging;

/// <summary>
/// The beginning of a bundle as it came: nothing of it is verified, and nothing but the metadata can be looked at.
/// </summary>
/// <remarks>The stream stays the caller's, who keeps it open until the release has been read.</remarks>
public sealed class ReceivedBundle
{
    // Nothing of them is verified before all are there.
    private const int MaxAllRoots = 16 * 1024 * 1024;

    private readonly BundleInput rest;
    private readonly (string Snapshot, string Targets) names;

    private ReceivedBundle(BundleInput rest, (string Snapshot, string Targets) names) =>
        (this.rest, this.names) = (rest, names);

    /// <summary>All metadata of the signer, as it came. The roots may be followed before the rest is verified.</summary>
    public required MetadataSet Metadata { get; init; }

    /// <summary>The descriptor of the release, as it came.</summary>
    public required ReadOnlyMemory<byte> DescriptorBytes { get; init; }

    /// <summary>The descriptor's path among the targets: <c>product/version.json</c>.</summary>
    public required string TargetPath { get; init; }

    /// <summary>What the bundle says of deltas, as it came; null: it has none, and holds every layer itself.</summary>
    public required ReadOnlyMemory<byte>? DeltasBytes { get; init; }

    /// <summary>Reads the metadata, the descriptor, and what is said of deltas.</summary>
    /// <param name="stream">Read in large pieces, so that it needs no buffer of its own; not to its end.</param>
    /// <exception cref="RefusedException">It is not the beginning of a bundle.</exception>
    /// <exception cref="IOException">The stream cannot be read.</exception>
    public static async Task<ReceivedBundle> OpenAsync(Stream stream, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var input = new BundleInput(stream);
        var roots = new List<ReadOnlyMemory<byte>>();
        ReadOnlyMemory<byte> timestamp;
        while (true)
        {
            var next = BundleNames.Root(roots.Count + 1);
            var (name, bytes) = await ReadAsync(
                input,
                roots.Count == 0 ? next : $"{next} or {BundleNames.Timestamp}",
                name =>
                    roots.Count < MetadataLimits.Roots && name == next
                    || roots.Count > 0 && name == BundleNames.Timestamp,
                Math.Min(MetadataLimits.RootBytes, MaxAllRoots - roots.Sum(r => r.Length)),
                cancellationToken
            );
            if (name == BundleNames.Timestamp)
            {
                timestamp = bytes;
                break;
            }
            roots.Add(bytes);
        }

        var snapshot = await ReadVersionAsync(input, "snapshot", MetadataLimits.SnapshotBytes, cancellationToken);
        var targets = await ReadVersionAsync(input, "targets", MetadataLimits.TargetsBytes, cancellationToken);
        var descriptor = await ReadAsync(
            input,
            "targets/<product>/<version>.json",
            IsTarget,
            ReleaseDescriptor.MaxBytes,
            cancellationToken
        );
        var targetPath = descriptor.Name["targets/".Length..];
        var deltas = BundleNames.Deltas(targetPath);
        return new(input, (snapshot.Name, targets.Name))
        {
            Metadata = new(roots, timestamp, snapshot.Bytes, targets.Bytes),
            DescriptorBytes = descriptor.Bytes,
            TargetPath = targetPath,
            DeltasBytes = await input.IsNextAsync(deltas, cancellationToken)
                ? (await ReadAsync(input, deltas, n => n == deltas, ReleaseDeltas.MaxBytes, cancellationToken)).Bytes
                : default(ReadOnlyMemory<byte>?),
        };
    }

    /// <summary>Verifies the metadata and, by it, the descriptor: the only way to the rest of the bundle.</summary>
    /// <param name="trusted">What the appliance trusts; it does not change by this.</param>
    /// <param name="now">The effective time: the clock, or what is known to be later.</param>
    /// <param name="acceptExpired">A person has agreed to metadata whose time is over.</param>
    /// <exception cref="RefusedException">
    /// Something does not hold. Where it is the metadata, <see cref="RefusedException.Fault"/> says of what kind.
    /// </exception>
    public VerifiedBundle Verify(TrustedState trusted, DateTimeOffset now, bool acceptExpired)
    {
        try
        {
            var verified = OfflineVerification.Verify(trusted, Metadata, now, acceptExpired);
            DemandNames();
            Check(TargetPath, DescriptorBytes, verified.Targets);

            var descriptor = ReleaseDescriptor.Parse(DescriptorBytes);
            if (descriptor.TargetPath != TargetPath)
                throw new RefusedException(
                    $"{BundleNames.Target(TargetPath)} describes {descriptor.Product} {descriptor.Version}"
                );
            // An appliance takes it for a lower bound of the present: a date far ahead would end all trust in it.
            if (descriptor.SignedAt > verified.ExpiresAt)
                throw new RefusedException(
                    $"{BundleNames.Target(TargetPath)} says it was signed at {descriptor.SignedAt:u}, when its metadata had expired ({verified.ExpiresAt:u}): sign the release under a new version, on a machine whose clock is right"
                );
            return new(
                rest,
                descriptor,
                VerifiedDeltas(descriptor, verified.Targets),
                verified.State,
                verified.ExpiresAt
            );
        }
        catch (TufException e)
        {
            throw new RefusedException(e.Message, e);
        }
    }

    private ReleaseDeltas? VerifiedDeltas(ReleaseDescriptor descriptor, TargetsMetadata targets)
    {
        if (DeltasBytes is not { } bytes)
            return null;
        Check(ReleaseDeltas.TargetPathBeside(TargetPath), bytes, targets);
        var deltas = ReleaseDeltas.Parse(bytes);
        return deltas.Index == descriptor.Index.Digest
            ? deltas
            : throw new RefusedException(
                $"deltas.json is for {deltas.Index}, and the release is {descriptor.Index.Digest}"
            );
    }

    private static void Check(string path, ReadOnlyMemory<byte> bytes, TargetsMetadata targets)
    {
        if (!targets.Targets.TryGetValue(path, out var target))
            throw new RefusedException(
                $"{BundleNames.Target(path)}: the signed metadata does not name it: it was not signed, or was withdrawn"
            );
        target.Check(BundleNames.Target(path), bytes.Span);
    }

    // The names say the versions; they are no part of what is signed.
    private void DemandNames()
    {
        var versions = MetadataVersions.Of(Metadata);
        Demand(names.Snapshot, BundleNames.Snapshot(versions.Snapshot));
        Demand(names.Targets, BundleNames.Targets(versions.Targets));

        static void Demand(string name, string expected)
        {
            if (name != expected)
                throw new RefusedException($"{name} holds what must be called {expected}");
        }
    }

    private static async ValueTask<(string Name, ReadOnlyMemory<byte> Bytes)> ReadAsync(
        BundleInput input,
        string what,
        Func<string, bool> accept,
        int maxSize,
        CancellationToken cancellationToken
    )
    {
        var (name, size) = await input.BeginAsync(what, accept, maxSize, cancellationToken);
        return (name, await input.ReadAllAsync(size, name, cancellationToken));
    }

    private static ValueTask<(string Name, ReadOnlyMemory<byte> Bytes)> ReadVersionAsync(
        BundleInput input,
        string role,
        int maxSize,
        CancellationToken cancellationToken
    ) =>
        ReadAsync(
            input,
            $"metadata/<version>.{role}.json",
            name => IsVersionOf(name, role),
            maxSize,
            cancellationToken
        );

    private static bool IsVersionOf(string name, string role)
    {
        var (start, end) = ("metadata/", $".{role}.json");
        return name.StartsWith(start, StringComparison.Ordinal)
            && name.EndsWith(end, StringComparison.Ordinal)
            && name.Length - start.Length - end.Length is > 0 and < 19
            && name[start.Length..^end.Length].All(char.IsAsciiDigit);
    }

    private static bool IsTarget(string name) =>
        name.StartsWith("targets/", StringComparison.Ordinal)
        && name.EndsWith(".json", StringComparison.Ordinal)
        && ReleasePath.IsValid(name)
        && name.All(char.IsAscii);
}
