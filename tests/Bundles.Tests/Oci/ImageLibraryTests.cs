using System.Text;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;
using Appliance.Testing;

namespace Bundles.Tests.Oci;

public sealed class ImageLibraryTests : IDisposable
{
    private const string GzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip";

    private readonly ScratchFolder scratch = new();
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;
    private readonly BlobSpool spool;
    private readonly ImageLibrary library;
    private readonly byte[] tar = SampleImages.Layer("a", new string('a', 2000));
    private readonly byte[] top = SampleImages.Layer("b", "b");

    public ImageLibraryTests()
    {
        spool = new(scratch.Path);
        library = new(spool, Platform.TryParse("linux/amd64")!);
    }

    public void Dispose()
    {
        spool.Dispose();
        scratch.Dispose();
    }

    [Fact]
    public async Task Archives_of_old_and_new_engines_give_the_same_image()
    {
        var config = SampleImages.Config("amd64", tar, top);
        await AddAsync("old.tar", SampleImages.LegacyArchive("old:1", config, tar, top));
        await AddAsync("new.tar", SampleImages.BlobsArchive("new:1", config, tar, top));
        await AddAsync("packed.tar.gz", SampleImages.Gzip(SampleImages.LegacyArchive("packed:1", config, tar, top)));

        var old = await GetAsync("old:1");
        Assert.Equal(old.Manifest, (await GetAsync("new:1")).Manifest);
        Assert.Equal(old.Manifest, (await GetAsync("docker.io/library/packed:1")).Manifest);
        Assert.Equal([SampleImages.Digest(tar), SampleImages.Digest(top)], old.Layers.Select(l => l.DiffId));
    }

    [Fact]
    public async Task A_layer_that_is_a_link_to_another_is_that_layer()
    {
        var config = SampleImages.Config("amd64", tar, top, tar);
        await AddAsync("a.tar", SampleImages.LegacyArchive("a:1", config, tar, top, tar));
        Assert.Equal(SampleImages.Digest(tar), (await GetAsync("a:1")).Layers[2].DiffId);
    }

    [Fact]
    public async Task Gzip_layers_of_an_archive_stay_gzip()
    {
        var packed = SampleImages.Gzip(tar);
        await AddAsync("a.tar", SampleImages.BlobsArchive("a:1", SampleImages.Config("amd64", tar), packed));
        var layer = Assert.Single((await GetAsync("a:1")).Layers);
        Assert.Equal(new(SampleImages.Digest(packed), SampleImages.Digest(tar), tar.Length), layer);
    }

    [Fact]
    public async Task The_manifest_of_a_layout_is_kept_byte_for_byte()
    {
        var manifest = Layout("layout", "shop/web:1", GzipLayer, SampleImages.Gzip(tar));
        await library.AddAsync(scratch["layout"], stop);

        var image = await GetAsync("shop/web:1");
        Assert.Equal(SampleImages.Digest(manifest), image.Manifest.Digest);
        await using var kept = await spool.OpenAsync(image.Manifest, stop);
        var bytes = new byte[manifest.Length];
        await kept.ReadExactlyAsync(bytes, stop);
        Assert.Equal(manifest, bytes);
        Assert.Equal(image.Manifest, (await GetAsync($"other/name@{image.Manifest.Digest}")).Manifest);
    }

    [Fact]
    public async Task Of_several_platforms_the_one_that_is_meant_is_taken()
    {
        var (amd, arm) = (SampleImages.Config("amd64", tar), SampleImages.Config("arm64", tar));
        var packed = SampleImages.Gzip(tar);
        var manifests = ((byte[][])[amd, arm]).Select(c => SampleImages.Manifest(c, GzipLayer, packed)).ToArray();
        var index = Encoding.UTF8.GetBytes(
            SampleImages.Index(
                SampleImages.Descriptor(SampleImages.OciManifest, manifests[1], Runs("arm64")),
                SampleImages.Descriptor(SampleImages.OciManifest, manifests[0], Runs("amd64"))
            )
        );
        SampleImages.Layout(
            scratch["layout"],
            SampleImages.Index(SampleImages.Descriptor(SampleImages.OciIndex, index, SampleImages.Named("a:1"))),
            [amd, arm, packed, index, .. manifests]
        );
        await library.AddAsync(scratch["layout"], stop);
        Assert.Equal(SampleImages.Digest(manifests[0]), (await GetAsync("a:1")).Manifest.Digest);

        var other = new ImageLibrary(spool, Platform.TryParse("linux/s390x")!);
        await other.AddAsync(scratch["layout"], stop);
        var refusal = await Assert.ThrowsAsync<RefusedException>(() => other.GetAsync(Reference("a:1"), stop));
        Assert.Contains(
            "a:1 is not there for linux/s390x, only for linux/arm64, linux/amd64",
            refusal.Message,
            StringComparison.Ordinal
        );

        static string Runs(string architecture) =>
            $$""", "platform": {"os": "linux", "architecture": "{{architecture}}"}""";
    }

    [Theory]
    [InlineData("application/vnd.oci.image.layer.v1.tar+zstd", "layers compressed with zstd")]
    [InlineData("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "is a foreign layer")]
    [InlineData("application/vnd.oci.image.layer.nondistributable.v1.tar", "is a foreign layer")]
    [InlineData("text/plain", "is not a layer of a container image")]
    public async Task Layers_of_other_kinds_are_refused(string type, string reason)
    {
        Layout("layout", "a:1", type, SampleImages.Gzip(tar));
        await library.AddAsync(scratch["layout"], stop);
        await RefuseAsync(() => GetAsync("a:1"), reason);
    }

    [Fact]
    public async Task A_zstd_layer_in_an_archive_is_refused()
    {
        var zstd = new byte[] { 0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0 };
        var archive = SampleImages.BlobsArchive("a:1", SampleImages.Config("amd64", tar), zstd);
        await RefuseAsync(() => AddAsync("a.tar", archive), "is compressed with zstd");
    }

    [Fact]
    public async Task A_layer_that_is_not_what_its_configuration_says_is_refused()
    {
        await AddAsync("a.tar", SampleImages.LegacyArchive("a:1", SampleImages.Config("amd64", top), tar));
        await RefuseAsync(() => GetAsync("a:1"), "unpacks to " + SampleImages.Digest(tar));

        await AddAsync("b.tar", SampleImages.LegacyArchive("b:1", SampleImages.Config("amd64", tar), tar, top));
        await RefuseAsync(() => GetAsync("b:1"), "2 layers in its manifest, and 1 in its configuration");

        await AddAsync("c.tar", SampleImages.LegacyArchive("c:1", SampleImages.Config("arm64", tar), tar));
        await RefuseAsync(() => GetAsync("c:1"), "c:1 is for linux/arm64, and the release for linux/amd64");

        Layout("layout", "d:1", GzipLayer, SampleImages.Gzip(tar)[..^20]);
        await library.AddAsync(scratch["layout"], stop);
        await RefuseAsync(() => GetAsync("d:1"), "is damaged");
    }

    [Fact]
    public async Task What_is_missing_or_damaged_is_named()
    {
        await RefuseAsync(() => GetAsync("nobody:1"), "nobody:1 is in none of the places");
        await RefuseAsync(() => AddAsync("a.tar", "no tar at all"u8.ToArray()), "a.tar is not a");
        await RefuseAsync(() => AddAsync("b.tar", SampleImages.Layer("x", "y")), "manifest.json is not in it");
        await RefuseAsync(
            () => AddAsync("c.tar", SampleImages.Tar(("manifest.json", "{"u8.ToArray()))),
            "is not the JSON"
        );
        var archive = SampleImages.LegacyArchive("d:1", SampleImages.Config("amd64", tar), tar);
        await RefuseAsync(() => AddAsync("d.tar", archive[..1500]), "d.tar is not a docker-archive");
        Directory.CreateDirectory(scratch["empty"]);
        await RefuseAsync(() => library.AddAsync(scratch["empty"], stop), "holds no images");

        Layout("layout", "e:1", GzipLayer, SampleImages.Gzip(tar));
        File.Delete(Directory.GetFiles(scratch["layout/blobs/sha256"]).First());
        await library.AddAsync(scratch["layout"], stop);
        await Assert.ThrowsAsync<RefusedException>(() => GetAsync("e:1"));
    }

    [Theory]
    [InlineData("archive", "layout")]
    [InlineData("layout", "archive")]
    [InlineData("layout", "second")]
    public async Task Two_images_of_one_name_are_refused_whichever_comes_first(string first, string second)
    {
        var sources = new Dictionary<string, Func<Task>>
        {
            ["archive"] = () =>
                AddAsync("a.tar", SampleImages.LegacyArchive("a:1", SampleImages.Config("amd64", tar), tar)),
            ["layout"] = () => AddLayoutAsync("layout", top),
            ["second"] = () => AddLayoutAsync("second", tar),
        };
        await sources[first]();
        await sources[second]();

        await RefuseAsync(() => GetAsync("a:1"), "hold different images called a:1");

        Task AddLayoutAsync(string name, byte[] layer)
        {
            var config = SampleImages.Config("amd64", layer);
            var packed = SampleImages.Gzip(layer);
            var manifest = SampleImages.Manifest(config, GzipLayer, [packed]);
            SampleImages.Layout(
                scratch[name],
                SampleImages.Index(
                    SampleImages.Descriptor(SampleImages.OciManifest, manifest, SampleImages.Named("a:1"))
                ),
                [config, manifest, packed]
            );
            return library.AddAsync(scratch[name], stop);
        }
    }

    [Fact]
    public async Task Two_images_of_one_name_are_refused()
    {
        await AddAsync("a.tar", SampleImages.LegacyArchive("a:1", SampleImages.Config("amd64", tar), tar));
        await AddAsync("same.tar", SampleImages.LegacyArchive("a:1", SampleImages.Config("amd64", tar), tar));
        var other = SampleImages.LegacyArchive("a:1", SampleImages.Config("amd64", top), top);
        await RefuseAsync(() => AddAsync("b.tar", other), "hold different images called a:1");
    }

    [Fact]
    public async Task Damaged_archives_are_refused_and_nothing_worse()
    {
        var random = new Random(7);
        var archive = SampleImages.LegacyArchive("a:1", SampleImages.Config("amd64", tar, top), tar, top);
        for (var i = 0; i < 200; i++)
        {
            var damaged = archive.ToArray();
            for (var j = 0; j <= i % 4; j++)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            var fresh = new ImageLibrary(spool, Platform.TryParse("linux/amd64")!);
            try
            {
                await fresh.AddArchiveAsync(new MemoryStream(damaged), "damaged", stop);
                await fresh.GetAsync(Reference("a:1"), stop);
            }
            catch (RefusedException)
            {
                // As it should be.
            }
        }
    }

    private byte[] Layout(string folder, string reference, string layerType, byte[] layer)
    {
        var config = SampleImages.Config("amd64", tar);
        var manifest = SampleImages.Manifest(config, layerType, layer);
        var entry = SampleImages.Descriptor(SampleImages.OciManifest, manifest, SampleImages.Named(reference));
        SampleImages.Layout(scratch[folder], SampleImages.Index(entry), config, manifest, layer);
        return manifest;
    }

    private async Task AddAsync(string name, byte[] archive)
    {
        await File.WriteAllBytesAsync(scratch[name], archive, stop);
        await library.AddAsync(scratch[name], stop);
    }

    private static ImageReference Reference(string text) => ImageReference.TryParse(text)!;

    private Task<FoundImage> GetAsync(string reference) => library.GetAsync(Reference(reference), stop);

    private static async Task RefuseAsync(Func<Task> action, string reason)
    {
        var refusal = await Assert.ThrowsAsync<RefusedException>(action);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }
}
