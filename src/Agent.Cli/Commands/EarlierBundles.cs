using Appliance.Bundles.Compose;
using Appliance.Bundles.Deltas;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;
using Appliance.Cli.Output;
using Appliance.Tuf;

namespace Appliance.Cli.Commands;

/// <summary>
/// Deltas of one new release, from the bundles of earlier ones: those that this signer has signed, as they were given out.
/// </summary>
internal sealed class EarlierBundles : IDisposable
{
    private readonly Session session;
    private readonly DirectoryInfo scratch;
    private readonly List<EarlierRelease> releases = [];

    /// <summary>They are unpacked in a folder that has room.</summary>
    public EarlierBundles(Session session, string parent)
    {
        this.session = session;
        scratch = new(Path.Combine(parent, $".appliancectl-{Guid.NewGuid():n}"));
    }

    /// <summary>Takes the bundle of an earlier version in, which must be what this signer has signed under it.</summary>
    /// <exception cref="FileException">It cannot be read.</exception>
    /// <exception cref="RefusedException">It is not that bundle, or has not all layers.</exception>
    public async Task AddAsync(
        string path,
        ReleaseDescriptor signed,
        TrustedState trusted,
        CancellationToken cancellationToken
    )
    {
        if (!File.Exists(path))
            throw new FileException(
                $"{path} is missing, and deltas from {signed.Version} are made of it: say where bundles are with --bundles"
            );
        if (!Directory.Exists(scratch.FullName))
            DurableFile.MakePrivateFolder(scratch.FullName);
        var (bundle, content) = await BundleFile.ReadAsync(
            session,
            path,
            _ => trusted,
            acceptExpired: true,
            new Sink(scratch.FullName),
            cancellationToken
        );
        if (bundle.Descriptor.Index != signed.Index)
            throw new RefusedException($"{path} is not {signed.Product} {signed.Version} as it was signed here");
        if (bundle.Deltas is not null)
            throw new RefusedException(
                $"{path} has deltas in the place of layers: name the folder of the whole bundle"
            );
        releases.Add(new(content, (blob, _) => new(RegularFile.Open(PathOf(scratch.FullName, blob)))));
    }

    /// <summary>Makes the deltas; nothing when there is no earlier version.</summary>
    public async Task<(ReleaseDeltas? Deltas, IReadOnlyList<DeltaGain> Gains)> MakeAsync(
        ReleaseContent release,
        BlobSpool spool,
        CancellationToken cancellationToken
    )
    {
        if (releases.Count == 0)
            return (null, []);
        var maker = new DeltaMaker(new Xdelta(session.Clock), scratch.FullName, spool);
        return await maker.MakeAsync(release, releases, new LayerProgress(session), cancellationToken);
    }

    public void Dispose()
    {
        if (Directory.Exists(scratch.FullName))
            scratch.Delete(recursive: true);
    }

    private static string PathOf(string folder, Blob blob) => Path.Combine(folder, blob.Digest);

    private sealed class LayerProgress(Session session) : IProgress<ReleaseLayer>
    {
        private readonly Progress progress = new(session.Error, session.Clock);

        public void Report(ReleaseLayer value) =>
            progress.Show(() => $"Making deltas of a layer of {Sizes.Of(value.UnpackedSize)}", session.Error.Redraws);
    }

    private sealed class Sink(string folder) : IBlobSink
    {
        // Bundles share layers: what came with one is not kept twice.
        public ValueTask<IBlobWriter?> OpenAsync(Blob blob, CancellationToken cancellationToken) =>
            new(File.Exists(PathOf(folder, blob)) ? null : new Writer(PathOf(folder, blob)));
    }

    private sealed class Writer(string path) : IBlobWriter
    {
        private readonly FileStream file = new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1);

        public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
            file.WriteAsync(bytes, cancellationToken);

        public ValueTask CompleteAsync(CancellationToken cancellationToken) => file.DisposeAsync();

        public ValueTask DisposeAsync() => file.DisposeAsync();
    }
}
