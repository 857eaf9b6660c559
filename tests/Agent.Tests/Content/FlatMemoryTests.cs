using System.Formats.Tar;
using System.Text;
using Appliance.Agent.Content;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Tests.Content;

/// <summary>Alone, because what a process allocates is counted for all of it.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class Alone;

[Collection(typeof(Alone))]
public sealed class FlatMemoryTests : IDisposable
{
    private const int Size = 64 * 1024 * 1024;
    private const int Allowed = 2 * 1024 * 1024;

    private readonly ScratchContent content = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => content.Dispose();

    [Fact]
    public async Task Taking_in_a_big_layer_and_making_an_archive_of_it_costs_no_memory()
    {
        var image = await ImageAsync();
        await using var archive = new ImageArchive(content.Store, image, image.Layers, new BytesSent(null));
        var buffer = new byte[128 * 1024];
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var total = 0L;
        while (await archive.ReadAsync(buffer, Ct) is > 0 and var read)
            total += read;

        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, Allowed);
        Assert.True(total > Size);
        Assert.Equal(0, total % 512);
    }

    [Fact]
    public async Task An_archive_is_an_ordinary_tar()
    {
        var image = await ImageAsync();
        await using var archive = new ImageArchive(content.Store, image, image.Layers, new BytesSent(null));
        var names = new List<string>();
        await using var tar = new TarReader(archive);
        while (await tar.GetNextEntryAsync(copyData: false, Ct) is { } entry)
            names.Add(entry.Name);

        Assert.Equal(
            [
                $"{image.Config.Digest["sha256:".Length..]}.json",
                $"blobs/sha256/{image.Layers[0].Blob.Digest["sha256:".Length..]}",
                "manifest.json",
            ],
            names
        );
    }

    // The store believes the digest: whoever reads a bundle has compared it.
    private async Task<ReleaseImage> ImageAsync()
    {
        var layer = new Blob(ScratchContent.BlobOf("a big layer"u8.ToArray()).Digest, Size);
        var chunk = new byte[128 * 1024];
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await using (var writer = await content.Store.OpenAsync(layer, Ct))
        {
            for (var written = 0; written < Size; written += chunk.Length)
                await writer!.WriteAsync(chunk, Ct);
            await writer!.CompleteAsync(Ct);
        }
        await content.Store.FlushAsync(Ct);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, Allowed);

        var config = await content.StoreAsync(Encoding.UTF8.GetBytes("{}"));
        return new ReleaseImage("demo/big:1", config, config, [new ReleaseLayer(layer, false, layer.Digest, Size)]);
    }
}
