using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Bundles.Signing;
using Appliance.Testing;
using Appliance.Tuf;
using Bundles.Tests.Oci;
using Bundles.Tests.Signing;

namespace Bundles.Tests.Packaging;

/// <summary>A bundle of a release with everything that a release can have, and whose signer is known.</summary>
public sealed class SampleBundle : IAsyncLifetime
{
    private readonly PreparedSigner prepared = new();
    private readonly ScratchFolder scratch = new();

    public static DateTimeOffset Now => PreparedSigner.Now;

    /// <summary>The whole file.</summary>
    public byte[] Bytes { get; private set; } = [];

    public TrustedState Trusted { get; private set; } = null!;

    internal Blob Index { get; private set; } = null!;

    /// <summary>A copy of the signer's repository, for a test of its own.</summary>
    public void CopySignerTo(string folder) => prepared.CopyTo(folder);

    public async ValueTask InitializeAsync()
    {
        await prepared.InitializeAsync();
        prepared.CopyTo(scratch["signer"]);
        using var spool = new BlobSpool(scratch.Path);
        Index = await BuildAsync(scratch["app"], spool);
        var repository = await SignerRepository.OpenAsync(scratch["signer"], default);
        Bytes = await WriteAsync(repository, Index, spool);
        Trusted = OfflineVerification.Pin(await File.ReadAllBytesAsync(repository.PinnedRootFile));
    }

    public async ValueTask DisposeAsync()
    {
        scratch.Dispose();
        await prepared.DisposeAsync();
    }

    internal static ReleaseDocument Document { get; } =
        new(
            "demo",
            SemanticVersion.TryParse("2.0.0")!,
            VersionRange.TryParse(">=1.0.0 <2.0.0"),
            new(new Dictionary<string, IReadOnlySet<string>> { ["web"] = new HashSet<string> { "pid: host" } })
        );

    /// <summary>Makes the release anew: from its author's files to its index.</summary>
    internal static async Task<Blob> BuildAsync(string folder, BlobSpool spool)
    {
        var shared = SampleImages.Layer("bin/tool", new string('t', 5000));
        var web = SampleImages.Layer("srv/page", "web");
        var counter = SampleImages.Layer("srv/count", new string('c', 3000));
        Directory.CreateDirectory(folder);
        await File.WriteAllBytesAsync(
            Path.Combine(folder, "web.tar"),
            SampleImages.LegacyArchive("demo/web:2.0.0", SampleImages.Config("amd64", shared, web), shared, web)
        );
        var config = SampleImages.Config("amd64", shared, counter);
        var layers = new[] { SampleImages.Gzip(shared), SampleImages.Gzip(counter) };
        var manifest = SampleImages.Manifest(config, "application/vnd.oci.image.layer.v1.tar+gzip", layers);
        SampleImages.Layout(
            Path.Combine(folder, "counter"),
            SampleImages.Index(
                SampleImages.Descriptor(SampleImages.OciManifest, manifest, SampleImages.Named("demo/counter:2.0.0"))
            ),
            [config, manifest, .. layers]
        );

        var images = new ImageLibrary(spool, Platform.TryParse("linux/amd64")!);
        await images.AddAsync(folder, default);
        return await ReleaseBuilder.BuildAsync(
            Document,
            [
                new("conf/app.conf", "level=1\n"u8.ToArray()),
                new("compose.yaml", "name: demo\n"u8.ToArray()),
                new(".env", "TAG=2.0.0\n"u8.ToArray()),
                new("conf/empty.json", "{}"u8.ToArray()),
            ],
            [
                ImageReference.TryParse("demo/web:2.0.0")!,
                ImageReference.TryParse("docker.io/demo/web:2.0.0")!,
                ImageReference.TryParse("demo/counter:2.0.0")!,
            ],
            images,
            spool,
            default
        );
    }

    internal static async Task<byte[]> WriteAsync(SignerRepository repository, Blob index, BlobSpool spool)
    {
        var descriptor = new ReleaseDescriptor("demo", Document.Version, index, Now);
        var signed = await repository.AddReleaseAsync(descriptor, PreparedSigner.Passphrase, Now, default);
        var output = new MemoryStream();
        await BundleWriter.WriteAsync(
            output,
            signed.Metadata,
            signed.DescriptorBytes,
            deltas: null,
            spool.OpenAsync,
            bytesWritten: null,
            default
        );
        return output.ToArray();
    }

    /// <summary>The whole verification.</summary>
    internal Task<ReleaseContent> ReadAsync(byte[] bundle, IBlobSink sink) => ReadAsync(new MemoryStream(bundle), sink);

    internal async Task<ReleaseContent> ReadAsync(Stream bundle, IBlobSink sink)
    {
        var received = await ReceivedBundle.OpenAsync(bundle, TestContext.Current.CancellationToken);
        return await received
            .Verify(Trusted, Now, acceptExpired: false)
            .ReadReleaseAsync(sink, bytesRead: null, TestContext.Current.CancellationToken);
    }

    /// <summary>That a bundle is refused, and leaves nothing behind that is not whole.</summary>
    /// <returns>The reason.</returns>
    internal async Task<string> RefuseAsync(byte[] bundle)
    {
        var sink = new MemorySink();
        var refusal = await Assert.ThrowsAsync<RefusedException>(() => ReadAsync(bundle, sink));
        Assert.Equal(0, sink.Open);
        Assert.All(sink.Completed, blob => Assert.Equal(blob.Key, SampleImages.Digest(blob.Value)));
        return refusal.Message;
    }
}
