using System.Security.Cryptography;
using Appliance.Bundles.Deltas;
using Appliance.Bundles.Releases;
using Appliance.Testing;
using Bundles.Tests.Oci;
using Bundles.Tests.Packaging;

namespace Bundles.Tests.Deltas;

/// <summary>The real program.</summary>
public sealed class XdeltaTests : IDisposable
{
    private readonly ScratchFolder scratch = new();
    private readonly Xdelta xdelta = new(TimeProvider.System);
    private readonly MemorySink sink = new();
    private readonly byte[] old = RandomNumberGenerator.GetBytes(600_000);
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task A_file_is_made_of_another_and_of_little_more()
    {
        var next = Changed();
        await EncodeAsync(next);

        Assert.InRange(new FileInfo(scratch["delta"]).Length, 1, 4000);
        await DecodeAsync(BlobOf(next));
        Assert.Equal(next, sink.Completed[BlobOf(next).Digest]);
        // Nothing of where it was made.
        Assert.DoesNotContain("from", await File.ReadAllTextAsync(scratch["delta"], stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_files_give_the_same_delta()
    {
        await EncodeAsync(Changed());
        var first = await File.ReadAllBytesAsync(scratch["delta"], stop);
        File.Delete(scratch["delta"]);
        await EncodeAsync(Changed());
        Assert.Equal(first, await File.ReadAllBytesAsync(scratch["delta"], stop));
    }

    [Fact]
    public async Task What_comes_of_it_must_be_what_was_signed()
    {
        var next = Changed();
        await EncodeAsync(next);

        await RefuseAsync(BlobOf(old) with { Size = next.Length }, "was signed for");
        await RefuseAsync(BlobOf(next) with { Size = next.Length - 1 }, "it became more than");
        await RefuseAsync(BlobOf(next) with { Size = next.Length + 1 }, "it became too little");
        Assert.Empty(sink.Completed);
    }

    [Fact]
    public async Task What_is_no_delta_or_for_another_file_is_refused_with_what_the_program_says()
    {
        var next = Changed();
        await EncodeAsync(next);
        var delta = await File.ReadAllBytesAsync(scratch["delta"], stop);

        await File.WriteAllBytesAsync(scratch["from"], [.. old.Reverse()], stop);
        await RefuseAsync(BlobOf(next), "xdelta3 ended with 1: xdelta3: target window checksum mismatch");
        await File.WriteAllBytesAsync(scratch["from"], old, stop);
        await File.WriteAllBytesAsync(scratch["delta"], [1, 2, 3, 4, 5, 6, 7, 8], stop);
        await RefuseAsync(BlobOf(next), "xdelta3 ended with 1");
        await File.WriteAllBytesAsync(scratch["delta"], delta[..^20], stop);
        await RefuseAsync(BlobOf(next), "it became too little");
    }

    /// <summary>One delta, damaged in many ways: it never becomes another file, and never lasts.</summary>
    [Fact]
    public async Task A_damaged_delta_becomes_nothing_else()
    {
        var next = Changed();
        await EncodeAsync(next);
        var delta = await File.ReadAllBytesAsync(scratch["delta"], stop);
        var random = new Random(1);
        for (var round = 0; round < 10; round++)
        {
            var damaged = delta.ToArray();
            for (var change = random.Next(1, 4); change > 0; change--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            await File.WriteAllBytesAsync(scratch["delta"], damaged, stop);
            try
            {
                await DecodeAsync(BlobOf(next));
                Assert.Equal(next, sink.Completed[BlobOf(next).Digest]);
                sink.Completed.Clear();
            }
            catch (InvalidDataException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    [Fact]
    public async Task Who_gives_up_leaves_no_program_running()
    {
        await EncodeAsync(Changed());
        using var giveUp = new CancellationTokenSource();
        await giveUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            xdelta.DecodeAsync(scratch["from"], scratch["delta"], BlobOf(old), new Nowhere(), giveUp.Token)
        );
    }

    private byte[] Changed()
    {
        var next = old.ToArray();
        next[100_000] ^= 1;
        return [.. next[..400_000], .. "inserted"u8, .. next[400_000..]];
    }

    private async Task EncodeAsync(byte[] next)
    {
        await File.WriteAllBytesAsync(scratch["from"], old, stop);
        await File.WriteAllBytesAsync(scratch["to"], next, stop);
        await xdelta.EncodeAsync(scratch["from"], scratch["to"], scratch["delta"], stop);
    }

    private async Task DecodeAsync(Blob result)
    {
        await using var writer = (await sink.OpenAsync(result, stop))!;
        await xdelta.DecodeAsync(scratch["from"], scratch["delta"], result, writer, stop);
        await writer.CompleteAsync(stop);
    }

    private async Task RefuseAsync(Blob result, string reason)
    {
        var refusal = await Assert.ThrowsAsync<InvalidDataException>(() => DecodeAsync(result));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    private static Blob BlobOf(byte[] bytes) => new(SampleImages.Digest(bytes), bytes.Length);

    private sealed class Nowhere : IBlobWriter
    {
        public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => default;

        public ValueTask CompleteAsync(CancellationToken cancellationToken) => default;

        public ValueTask DisposeAsync() => default;
    }
}
