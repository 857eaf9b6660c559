using Appliance.Testing;

namespace Appliance.Docker.Tests.Images;

public sealed class ImageTests(SharedEngine shared) : EngineTest(shared)
{
    [Fact]
    public async Task A_loaded_image_has_the_id_of_its_configuration()
    {
        var image = Recipe("loaded");
        var progress = new Recorded();
        using var archive = image.OpenRead();
        Assert.Equal([image.Reference], await Client.Images.LoadAsync(archive, progress, Ct));
        Assert.NotEmpty(progress.Lines);

        var seen = await Client.Images.InspectAsync(image.Reference, Ct);
        Assert.Equal(image.Id, seen.Id);
        Assert.Equal([image.Reference], seen.RepoTags);
        Assert.Equal(["sh", "-c", "sleep 1"], seen.Config.Cmd);
        Assert.Equal(["80/tcp"], seen.Config.ExposedPorts);
        Assert.Equal(TimeSpan.FromSeconds(3), seen.Config.Healthcheck!.Interval);
        Assert.Equal(Run, seen.Config.Labels[Marker]);
        Assert.Equal(2, seen.RootFs.Layers.Count);
        Assert.Equal("amd64", seen.Architecture);
        Assert.True(seen.Size > 1_000_000);

        var listed = (await Client.Images.ListAsync(new() { Labels = [Label] }, Ct)).Single();
        Assert.Equal(image.Id, listed.Id);
        Assert.Equal([image.Reference], listed.RepoTags);
        Assert.Single(await Client.Images.ListAsync(new() { References = [image.Reference] }, Ct));

        await Client.Images.RemoveAsync(image.Reference, force: true, Ct);
    }

    [Fact]
    public void The_same_recipe_gives_the_same_bytes() =>
        Assert.Equal(Recipe("same").Archive.ToArray(), Recipe("same").Archive.ToArray());

    [Fact]
    public async Task A_tag_moves_and_goes()
    {
        var first = Recipe("one");
        var second = Recipe("two");
        await first.LoadIntoAsync(Client, Ct);
        await second.LoadIntoAsync(Client, Ct);

        await Client.Images.TagAsync(first.Id, $"{Run}/moving", "v1", Ct);
        Assert.Equal(first.Id, (await Client.Images.InspectAsync($"{Run}/moving:v1", Ct)).Id);
        await Client.Images.TagAsync(second.Reference, $"{Run}/moving", "v1", Ct);
        Assert.Equal(second.Id, (await Client.Images.InspectAsync($"{Run}/moving:v1", Ct)).Id);

        var gone = await Client.Images.RemoveAsync($"{Run}/moving:v1", force: false, Ct);
        Assert.Equal([$"{Run}/moving:v1"], gone.Select(g => g.Untagged));
        await Assert.ThrowsAsync<EngineNotFoundException>(() => Client.Images.InspectAsync($"{Run}/moving:v1", Ct));

        var removed = await Client.Images.RemoveAsync(first.Id, force: true, Ct);
        Assert.Contains(removed, r => r.Deleted == first.Id);
        await Client.Images.RemoveAsync(second.Id, force: true, Ct);
    }

    [Fact]
    public async Task An_image_in_use_is_not_removed()
    {
        await StartAsync(Box());
        await Assert.ThrowsAsync<EngineConflictException>(() =>
            Client.Images.RemoveAsync(SharedEngine.Image.Id, force: true, Ct)
        );
    }

    [Fact]
    public async Task What_was_saved_can_be_loaded()
    {
        var image = Recipe("saved");
        await image.LoadIntoAsync(Client, Ct);
        using var saved = new MemoryStream();
        await using (var stream = await Client.Images.SaveAsync([image.Reference], Ct))
            await stream.CopyToAsync(saved, Ct);
        await Client.Images.RemoveAsync(image.Reference, force: true, Ct);
        await Assert.ThrowsAsync<EngineNotFoundException>(() => Client.Images.InspectAsync(image.Id, Ct));

        saved.Position = 0;
        await Client.Images.LoadAsync(saved, progress: null, Ct);
        Assert.Equal(image.Id, (await Client.Images.InspectAsync(image.Reference, Ct)).Id);
        Assert.True(saved.CanRead);
        await Client.Images.RemoveAsync(image.Reference, force: true, Ct);
    }

    [Theory]
    [InlineData(1024)]
    [InlineData(1_000_000)]
    public async Task A_truncated_archive_is_refused(int length)
    {
        using var archive = new MemoryStream(Recipe("cut").Archive[..length].ToArray());
        var e = await Assert.ThrowsAnyAsync<DockerEngineException>(() =>
            Client.Images.LoadAsync(archive, progress: null, Ct)
        );
        Assert.NotEqual("", e.Message);
    }

    [Fact]
    public async Task What_is_no_archive_is_refused_however_long_it_is()
    {
        var junk = new byte[8 << 20];
        new Random(7).NextBytes(junk);
        using var archive = new MemoryStream(junk);
        await Assert.ThrowsAnyAsync<DockerEngineException>(() => Client.Images.LoadAsync(archive, progress: null, Ct));
    }

    [Fact]
    public async Task An_archive_that_cannot_be_read_is_not_blamed_on_the_engine()
    {
        using var archive = new BrokenStream(Recipe("broken").OpenRead(), after: 300_000);
        var e = await Assert.ThrowsAsync<IOException>(() => Client.Images.LoadAsync(archive, progress: null, Ct));
        Assert.Equal("the medium is gone", e.Message);
    }

    private BusyboxImage Recipe(string name) =>
        BusyboxImage.Build(
            new()
            {
                Reference = $"test/{Run}:{name}",
                Cmd = ["sh", "-c", "sleep 1"],
                ExposedPorts = ["80/tcp"],
                Labels = Labels,
                Healthcheck = new() { Test = ["CMD", "true"], Interval = TimeSpan.FromSeconds(3) },
                Files = new Dictionary<string, string> { ["/www/index.html"] = $"{Run} {name}" },
            }
        );

    private sealed class Recorded : IProgress<ImageLoadProgress>
    {
        public List<ImageLoadProgress> Lines { get; } = [];

        public void Report(ImageLoadProgress value) => Lines.Add(value);
    }

    private sealed class BrokenStream(Stream inner, int after) : Stream
    {
        private int read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            if (read >= after)
                throw new IOException("the medium is gone");
            var now = inner.Read(buffer, offset, Math.Min(count, after - read));
            read += now;
            return now;
        }

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
