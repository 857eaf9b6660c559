using Appliance.Bundles.Oci;

namespace Bundles.Tests.Oci;

public sealed class LayerUnpackingTests
{
    private static readonly byte[] Content = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * i >> 7))];

    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(1_000_000)]
    public async Task Whole_gzips_one_after_the_other_are_unpacked(int piece)
    {
        byte[] two = [.. SampleImages.Gzip(Content[..100_000]), .. SampleImages.Gzip(Content[100_000..])];

        var (diffId, size) = await UnpackAsync(two, piece);

        Assert.Equal((SampleImages.Digest(Content), Content.Length), (diffId, size));
    }

    /// <summary>Other readers fail at each of them, as Go's, by which an engine loads.</summary>
    [Fact]
    public async Task Anything_after_the_last_gzip_is_refused()
    {
        var gzip = SampleImages.Gzip(Content);
        foreach (
            var more in (byte[][])
                [
                    [0],
                    [0x1f],
                    [0x1f, 0x8b],
                    [1, 2, 3],
                    new byte[512],
                    new byte[100_000],
                    gzip[..50],
                ]
        )
        {
            foreach (var piece in (int[])[1000, 1_000_000])
                await RefuseAsync([.. gzip, .. more], piece);
        }
    }

    [Fact]
    public async Task A_gzip_without_all_of_its_checksum_is_refused()
    {
        var gzip = SampleImages.Gzip(Content);
        for (var missing = 1; missing <= 30; missing++)
            await RefuseAsync(gzip[..^missing], 1_000_000);
        await RefuseAsync([], 1);
        await RefuseAsync(gzip[..5], 1);
    }

    [Fact]
    public async Task A_wrong_checksum_is_refused()
    {
        for (var place = 1; place <= 8; place++)
        {
            var gzip = SampleImages.Gzip(Content);
            gzip[^place] ^= 1;
            await RefuseAsync(gzip, 1_000_000);
        }
    }

    private static async Task RefuseAsync(byte[] bytes, int piece) =>
        await Assert.ThrowsAsync<InvalidDataException>(() => UnpackAsync(bytes, piece));

    private static async Task<(string DiffId, long Size)> UnpackAsync(byte[] bytes, int piece)
    {
        await using var unpacking = new LayerUnpacking(Content.Length);
        foreach (var part in bytes.Chunk(piece))
            await unpacking.AddAsync(part);
        return await unpacking.FinishAsync();
    }
}
