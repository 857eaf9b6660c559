using System.Security.Cryptography;
using System.Text;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Bundles.Signing;
using Appliance.Testing;
using Bundles.Tests.Oci;
using Bundles.Tests.Signing;

namespace Bundles.Tests.Packaging;

[Trait("Category", "Long")]
public sealed class LargeBundleTests(SampleBundle sample) : IClassFixture<SampleBundle>, IDisposable
{
    private const long Size = 1L << 30;

    private readonly ScratchFolder scratch = new();
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task The_memory_that_it_takes_does_not_grow_with_the_bundle()
    {
        await using var file = await MakeAsync();
        Assert.InRange(file.Length, Size, Size + (1 << 20));

        var before = GC.GetTotalAllocatedBytes(precise: true);
        var content = await sample.ReadAsync(file, new Discarding());

        Assert.Equal(Size, content.Images[0].Layers[0].Blob.Size);
        // All that was ever allocated, not what was alive at some moment: so it holds on any machine.
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 20 << 20);
    }

    /// <summary>A bundle with one layer, whose file has holes: it takes no space, and is read all the same.</summary>
    private async Task<FileStream> MakeAsync()
    {
        var layer = scratch["layer"];
        await using (var sparse = File.Create(layer))
            sparse.SetLength(Size);
        string digest;
        await using (var read = File.OpenRead(layer))
            digest = Convert.ToHexStringLower(await SHA256.HashDataAsync(read, stop));

        var config = Encoding.UTF8.GetBytes(
            $$$"""{"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:{{{digest}}}"]}}"""
        );
        var manifest = Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"config":{{SampleImages.Descriptor("application/vnd.oci.image.config.v1+json", config)}},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:{{digest}}","size":{{Size}}}]}"""
        );
        SampleImages.Layout(
            scratch["layout"],
            SampleImages.Index(
                SampleImages.Descriptor(SampleImages.OciManifest, manifest, SampleImages.Named("demo/big:1"))
            ),
            config,
            manifest
        );
        File.Move(layer, Path.Combine(scratch["layout/blobs/sha256"], digest));
        return await PackAsync();
    }

    private async Task<FileStream> PackAsync()
    {
        using var spool = new BlobSpool(scratch.Path);
        var images = new ImageLibrary(spool, Platform.Host);
        await images.AddAsync(scratch["layout"], stop);
        var index = await ReleaseBuilder.BuildAsync(
            SampleBundle.Document,
            [new("compose.yaml", "name: demo\n"u8.ToArray())],
            [ImageReference.TryParse("demo/big:1")!],
            images,
            spool,
            stop
        );
        sample.CopySignerTo(scratch["signer"]);
        var signed = await (await SignerRepository.OpenAsync(scratch["signer"], stop)).AddReleaseAsync(
            new("demo", SampleBundle.Document.Version, index, SampleBundle.Now),
            PreparedSigner.Passphrase,
            SampleBundle.Now,
            stop
        );
        var file = new FileStream(scratch["bundle"], FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1);
        await BundleWriter.WriteAsync(file, signed.Metadata, signed.DescriptorBytes, null, spool.OpenAsync, null, stop);
        file.Position = 0;
        return file;
    }

    private sealed class Discarding : IBlobSink, IBlobWriter
    {
        public ValueTask<IBlobWriter?> OpenAsync(Blob blob, CancellationToken cancellationToken) => new(this);

        public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => default;

        public ValueTask CompleteAsync(CancellationToken cancellationToken) => default;

        public ValueTask DisposeAsync() => default;
    }
}
