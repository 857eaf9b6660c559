using Appliance.Agent.Content;
using Appliance.Bundles.Releases;
using Appliance.Docker;
using Appliance.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Appliance.Agent.Tests.Content;

/// <summary>On an engine of its own, where nobody else's images lend layers.</summary>
public sealed class ImageLoaderTests(ImageLoaderTests.OwnEngine own)
    : IClassFixture<ImageLoaderTests.OwnEngine>,
        IAsyncLifetime
{
    private readonly ScratchContent content = new();

    private DockerEngine Engine => own.Engine.Client;

    private ImageLoader Loader => new(content.Store, Engine, new EngineDisk(Engine), NullLogger<ImageLoader>.Instance);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        foreach (var image in await Engine.Images.ListAsync(new ImageQuery { All = true }, Ct))
            await Engine.Images.RemoveAsync(image.Id, force: true, Ct);
    }

    public ValueTask DisposeAsync()
    {
        content.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_image_has_its_id_its_layers_and_its_tag_on_the_engine(bool gzip)
    {
        var image = await StoreAsync("demo/web:1", "one", gzip);
        await Loader.LoadAsync([image], bytes: null, Ct);

        var loaded = await Engine.Images.InspectAsync(image.Config.Digest, Ct);
        Assert.Equal(image.Layers.Select(l => l.DiffId), loaded.RootFs.Layers);
        Assert.Equal(["demo/web:1"], loaded.RepoTags);
    }

    [Fact]
    public async Task An_image_that_is_named_by_digest_is_loaded_without_a_tag()
    {
        var image = await StoreAsync("demo/web:1", "one");
        var byDigest = image with { Reference = $"demo/web@{image.Manifest.Digest}" };
        await Loader.LoadAsync([byDigest], bytes: null, Ct);

        Assert.Empty((await Engine.Images.InspectAsync(image.Config.Digest, Ct)).RepoTags);
        Assert.Contains(await Engine.Images.ListAsync(new ImageQuery(), Ct), i => i.Id == image.Config.Digest);
    }

    [Fact]
    public async Task Layers_that_the_engine_holds_and_images_that_it_holds_are_not_sent()
    {
        var (one, two) = (await StoreAsync("demo/web:1", "one"), await StoreAsync("demo/web:2", "two"));
        Assert.Equal(one.Layers[0], two.Layers[0]);

        var both = await Loader.PlanAsync([one, two], Ct);
        Assert.Equal([one.Layers[0], one.Layers[1], two.Layers[1]], both.Layers);
        Assert.Equal(both.Layers.Sum(l => l.UnpackedSize), both.BytesToUnpack);

        await Loader.LoadAsync([one], bytes: null, Ct);
        var rest = await Loader.PlanAsync([one, two], Ct);
        Assert.Equal([two], rest.Images);
        Assert.Equal([two.Layers[1]], rest.Layers);
        Assert.Equal(two.Layers[1].Blob.Size, rest.BytesToSend);

        var bytes = new Sent();
        await Loader.LoadAsync([one, two], bytes, Ct);
        Assert.InRange(bytes.Total, 1, one.Layers[0].Blob.Size / 2);
        Assert.Equal(two.Config.Digest, (await Engine.Images.InspectAsync("demo/web:2", Ct)).Id);

        var nothing = new Sent();
        await Loader.LoadAsync([one, two], nothing, Ct);
        Assert.Equal(0, nothing.Total);
    }

    [Fact]
    public async Task When_the_image_that_lent_a_layer_goes_meanwhile_all_is_sent()
    {
        var (one, two) = (await StoreAsync("demo/web:1", "one"), await StoreAsync("demo/web:2", "two"));
        await Loader.LoadAsync([one], bytes: null, Ct);

        // The engine looks for layers once it has the whole archive; here the first bytes are on their way.
        var bytes = new Sent
        {
            Once = () => Engine.Images.RemoveAsync(one.Config.Digest, force: true, Ct).GetAwaiter().GetResult(),
        };
        await Loader.LoadAsync([two], bytes, Ct);

        Assert.Equal(two.Config.Digest, (await Engine.Images.InspectAsync("demo/web:2", Ct)).Id);
        Assert.True(bytes.Total > two.Layers[0].Blob.Size);
    }

    [Fact]
    public async Task A_layer_under_which_there_is_another_is_not_the_same_layer()
    {
        var (one, two) = (await StoreAsync("demo/web:1", "one"), await StoreAsync("demo/web:2", "two"));
        await Loader.LoadAsync([one], bytes: null, Ct);

        var turned = two with { Layers = [two.Layers[1], two.Layers[0]] };
        Assert.Equal(turned.Layers, (await Loader.PlanAsync([turned], Ct)).Layers);
    }

    [Fact]
    public async Task What_is_not_stored_any_more_is_said_by_its_digest()
    {
        var image = await StoreAsync("demo/web:1", "one");
        File.Delete(content.PathOf(image.Layers[1].Blob));
        var e = await Assert.ThrowsAnyAsync<IOException>(() => Loader.LoadAsync([image], bytes: null, Ct));
        Assert.Contains(image.Layers[1].Blob.Digest, e.Message);
    }

    private async Task<ReleaseImage> StoreAsync(string reference, string text, bool gzip = false) =>
        await content.StoreAsync(
            BusyboxImage.Build(
                new ImageRecipe
                {
                    Reference = reference,
                    Cmd = ["sleep", "1000000"],
                    Files = new Dictionary<string, string> { ["etc/which"] = text },
                }
            ),
            gzip
        );

    private sealed class Sent : IProgress<long>
    {
        public long Total { get; private set; }
        public Action? Once { get; set; }

        public void Report(long value)
        {
            Total = value;
            Once?.Invoke();
            Once = null;
        }
    }

    public sealed class OwnEngine : IAsyncLifetime
    {
        private PrivateEngine? engine;

        public PrivateEngine Engine => engine ?? throw new InvalidOperationException("not started");

        public async ValueTask InitializeAsync() => engine = await PrivateEngine.StartAsync(CancellationToken.None);

        public async ValueTask DisposeAsync()
        {
            if (engine is not null)
                await engine.DisposeAsync();
        }
    }
}
