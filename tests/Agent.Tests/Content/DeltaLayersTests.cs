using System.IO.Compression;
using System.Security.Cryptography;
using Appliance.Agent.Content;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Deltas;
using Appliance.Bundles.Releases;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Content;

public sealed class DeltaLayersTests : IDisposable
{
    private static readonly byte[] Old = RandomNumberGenerator.GetBytes(300_000);
    private static readonly byte[] New = [.. Old[..100_000], .. "new"u8, .. Old[100_000..]];

    private readonly ScratchContent content = new();
    private readonly ScratchFolder scratch = new();
    private readonly Xdelta xdelta = new(TimeProvider.System);

    private DeltaLayers Deltas => new(content.Store, xdelta);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        scratch.Dispose();
        content.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_layer_is_made_of_one_that_is_stored_as_it_was_signed_or_unpacked(bool gzip)
    {
        var held = ReleaseOf(await StoreAsync(Old, gzip));
        var target = LayerOf(New);
        var deltas = DeltasOf(New, await StoreDeltaAsync(New));

        Deltas.Demand(held.Descriptor, deltas, [held]);
        await Deltas.ApplyAsync(deltas, ReleaseOf(target), [held], content.Store, Ct);
        await content.Store.FlushAsync(Ct);

        Assert.True(content.Store.Contains(target));
        Assert.Equal(target.Tar, content.Store.StoredAs(target));
        Assert.Equal(New, await File.ReadAllBytesAsync(content.PathOf(target.Tar), Ct));
        Assert.Empty(Incoming());
    }

    [Fact]
    public async Task A_layer_that_is_there_in_another_compression_is_unpacked()
    {
        var held = ReleaseOf(await StoreAsync(Old, gzip: true));
        var target = LayerOf(Old, gzip: false);
        var deltas = Sample(new LayerDeltas(target.DiffId, Old.Length, [new(target.DiffId, Old.Length, Delta: null)]));

        Deltas.Demand(held.Descriptor, deltas, [held]);
        await Deltas.ApplyAsync(deltas, ReleaseOf(target), [held], content.Store, Ct);
        await content.Store.FlushAsync(Ct);

        Assert.Equal(Old, await File.ReadAllBytesAsync(content.PathOf(target.Tar), Ct));
    }

    [Fact]
    public async Task A_layer_that_is_there_is_not_made_again()
    {
        var target = await StoreAsync(New, gzip: true);
        var deltas = DeltasOf(New, new Blob($"sha256:{new string('0', 64)}", 5));
        await Deltas.ApplyAsync(deltas, ReleaseOf(target), [], content.Store, Ct);
        Assert.Equal(target.Blob, content.Store.StoredAs(target));
    }

    [Fact]
    public async Task Where_nothing_becomes_the_layer_that_is_said_with_the_versions_that_have_it()
    {
        var held = ReleaseOf(await StoreAsync([1, 2, 3], gzip: false));
        var deltas = DeltasOf(New, await StoreDeltaAsync(New));

        var refused = Assert.Throws<RefusedException>(() => Deltas.Demand(held.Descriptor, deltas, [held]));
        Assert.Contains("for appliances with demo 1.0.0 or 1.1.0", refused.Message, StringComparison.Ordinal);
        Assert.Contains("send the whole bundle of demo 2.0.0", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_has_no_room_is_refused_before_anything_is_made()
    {
        using var disk = new SmallDisk(scratch["disk"], kibibytes: 2048);
        using var small = new ScratchContent(disk.Path);
        var old = LayerOf(Old, gzip: false);
        await small.StoreAsync(Old);
        var from = new LayerBase(old.DiffId, Old.Length, new Blob(old.DiffId, 9));
        var deltas = Sample(new LayerDeltas(LayerOf(New).DiffId, 1L << 30, [from]));
        var held = ReleaseOf(old);

        var full = Assert.Throws<ContentFullException>(() =>
            new DeltaLayers(small.Store, xdelta).Demand(held.Descriptor, deltas, [held])
        );
        Assert.InRange(full.NeededBytes, 1L << 30, (1L << 30) + (100L << 20));
    }

    [Fact]
    public async Task Layers_that_are_only_unpacked_have_no_room_before_the_first_is_made()
    {
        // With room for one of them, beside what stays free.
        using var disk = new SmallDisk(scratch["disk"], kibibytes: 100 * 1024);
        using var small = new ScratchContent(disk.Path);
        byte[][] tars = [new byte[20 << 20], new byte[(20 << 20) + 1]];
        foreach (var tar in tars)
            await small.StoreAsync(Gzip(tar));
        var held = ReleaseOf([.. tars.Select(t => LayerOf(t))]);
        var target = ReleaseOf([.. tars.Select(t => LayerOf(t, gzip: false))]);
        var deltas = Sample([
            .. target
                .Images[0]
                .Layers.Select(l => new LayerDeltas(l.DiffId, l.UnpackedSize, [new(l.DiffId, l.UnpackedSize, null)])),
        ]);
        var layers = new DeltaLayers(small.Store, xdelta);
        layers.Demand(held.Descriptor, deltas, [held]);

        var full = await Assert.ThrowsAsync<ContentFullException>(() =>
            layers.ApplyAsync(deltas, target, [held], small.Store, Ct)
        );

        Assert.Equal((104L << 20) + 1, full.NeededBytes);
        Assert.DoesNotContain(target.Images[0].Layers, small.Store.Contains);
    }

    public static TheoryData<string> Faults => ["garbage", "another result", "a damaged base"];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_does_not_become_the_layer_leaves_nothing(string fault)
    {
        var old = await StoreAsync(Old, gzip: false);
        var held = ReleaseOf(old);
        var delta = fault switch
        {
            "garbage" => await content.StoreAsync("no delta at all"),
            "another result" => await StoreDeltaAsync([.. New, 1]),
            _ => await StoreDeltaAsync(New),
        };
        if (fault == "a damaged base")
            await File.WriteAllBytesAsync(content.PathOf(old.Blob), [.. Old.Reverse()], Ct);
        var deltas = DeltasOf(New, delta);

        var refused = await Assert.ThrowsAsync<RefusedException>(async () =>
            await Deltas.ApplyAsync(deltas, ReleaseOf(LayerOf(New)), [held], content.Store, Ct)
        );

        Assert.Contains("send the whole bundle of demo 2.0.0", refused.Message, StringComparison.Ordinal);
        Assert.False(content.Store.Contains(LayerOf(New)));
        Assert.Empty(Incoming());
    }

    private string[] Incoming() => Directory.GetFiles(Path.Combine(content.Folder, "content/incoming"));

    private static ReleaseDeltas DeltasOf(byte[] target, Blob delta) =>
        Sample(
            new LayerDeltas(
                ScratchContent.BlobOf(target).Digest,
                target.Length,
                [new(ScratchContent.BlobOf(Old).Digest, Old.Length, delta)]
            )
        );

    private static ReleaseDeltas Sample(params LayerDeltas[] layers) =>
        new(
            $"sha256:{new string('f', 64)}",
            [SemanticVersion.TryParse("1.0.0")!, SemanticVersion.TryParse("1.1.0")!],
            layers
        );

    private async Task<Blob> StoreDeltaAsync(byte[] target)
    {
        await File.WriteAllBytesAsync(scratch["from"], Old, Ct);
        await File.WriteAllBytesAsync(scratch["to"], target, Ct);
        await xdelta.EncodeAsync(scratch["from"], scratch["to"], scratch["delta"], Ct);
        return await content.StoreAsync(await File.ReadAllBytesAsync(scratch["delta"], Ct));
    }

    private async Task<ReleaseLayer> StoreAsync(byte[] tar, bool gzip)
    {
        var layer = LayerOf(tar, gzip);
        Assert.Equal(layer.Blob, await content.StoreAsync(gzip ? Gzip(tar) : tar));
        return layer;
    }

    private static ReleaseLayer LayerOf(byte[] tar, bool gzip = true) =>
        new(ScratchContent.BlobOf(gzip ? Gzip(tar) : tar), gzip, ScratchContent.BlobOf(tar).Digest, tar.Length);

    private static ReleaseContent ReleaseOf(params ReleaseLayer[] layers)
    {
        var blob = new Blob($"sha256:{new string('1', 64)}", 1);
        var version = SemanticVersion.TryParse("2.0.0")!;
        return new ReleaseContent(
            new ReleaseDescriptor("demo", version, blob, DateTimeOffset.UnixEpoch),
            new ReleaseDocument("demo", version, null, Allowances.None),
            [],
            [new ReleaseImage("demo/web:2", blob, blob, layers)],
            [.. layers.Select(l => l.Blob)]
        );
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
            gzip.Write(bytes);
        return packed.ToArray();
    }
}
