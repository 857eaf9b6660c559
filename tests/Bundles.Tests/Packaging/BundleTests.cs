using System.Security.Cryptography;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Bundles.Signing;
using Appliance.Testing;
using Appliance.Tuf;
using Bundles.Tests.Signing;

namespace Bundles.Tests.Packaging;

public sealed class BundleTests(SampleBundle sample) : IClassFixture<SampleBundle>, IDisposable
{
    private readonly ScratchFolder scratch = new();
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task What_was_put_in_comes_out()
    {
        var sink = new MemorySink();
        var content = await sample.ReadAsync(sample.Bytes, sink);

        Assert.Equal("demo", content.Descriptor.Product);
        Assert.Equal(SampleBundle.Document.UpgradeFrom, content.Document.UpgradeFrom);
        Assert.True(content.Document.Allowances.Allow("web", "pid: host"));
        Assert.Equal(["compose.yaml", ".env", "conf/app.conf", "conf/empty.json"], content.Files.Select(f => f.Path));
        Assert.Equal("TAG=2.0.0\n"u8, sink.Completed[content.Files[1].Blob.Digest]);
        Assert.Equal(
            ["demo/counter:2.0.0", "demo/web:2.0.0", "docker.io/demo/web:2.0.0"],
            content.Images.Select(i => i.Reference)
        );
        Assert.Equal(content.Images[1].Manifest, content.Images[2].Manifest);
        Assert.Equal(
            [true, true, false, false],
            content.Images.Take(2).SelectMany(i => i.Layers).Select(l => l.IsGzip)
        );
        // One layer in two compressions: two blobs, one diff-id.
        Assert.Equal(content.Images[0].Layers[0].DiffId, content.Images[1].Layers[0].DiffId);
        Assert.Equal(content.Blobs.Select(b => b.Digest).Order(), sink.Completed.Keys.Order());
        Assert.Equal(content.Blobs.Count, content.Blobs.Distinct().Count());
        Assert.Equal(content.Descriptor.Index, content.Blobs[0]);
    }

    [Fact]
    public async Task A_release_is_read_again_from_stored_blobs()
    {
        var sink = new MemorySink();
        var content = await sample.ReadAsync(sample.Bytes, sink);

        var again = await ReleaseContentReader.ReadAsync(
            content.Descriptor,
            (blob, _) => new(new MemoryStream(sink.Completed[blob.Digest])),
            stop
        );

        Assert.Equal(content.Files, again.Files);
        Assert.Equal(content.Blobs, again.Blobs);
        Assert.Equal(content.Images.SelectMany(i => i.Layers), again.Images.SelectMany(i => i.Layers));

        sink.Completed[content.Images[0].Config.Digest][5] ^= 1;
        await Assert.ThrowsAsync<RefusedException>(() =>
            ReleaseContentReader.ReadAsync(
                content.Descriptor,
                (blob, _) => new(new MemoryStream(sink.Completed[blob.Digest])),
                stop
            )
        );
    }

    [Fact]
    public async Task The_same_inputs_give_the_same_release_and_a_repeated_command_the_same_bundle()
    {
        using var spool = new BlobSpool(scratch.Path);
        Assert.Equal(sample.Index, await SampleBundle.BuildAsync(scratch["app"], spool));

        sample.CopySignerTo(scratch["signer"]);
        var repository = await SignerRepository.OpenAsync(scratch["signer"], stop);
        var first = await SampleBundle.WriteAsync(repository, sample.Index, spool);
        var second = await SampleBundle.WriteAsync(repository, sample.Index, spool);
        Assert.Equal(SHA256.HashData(first), SHA256.HashData(second));

        // Signatures differ between signers; the layout does not.
        var layout = Entries.Of(first).SkipWhile(e => e.Name != "oci-layout").Select(e => (e.Name, e.Content));
        var other = Entries.Of(sample.Bytes).SkipWhile(e => e.Name != "oci-layout").Select(e => (e.Name, e.Content));
        Assert.Equal(layout.Select(e => e.Name), other.Select(e => e.Name));
        Assert.All(layout.Zip(other), pair => Assert.Equal(pair.First.Content, pair.Second.Content));
    }

    [Fact]
    public async Task A_stream_that_gives_a_byte_at_a_time_is_read_all_the_same()
    {
        using var trickle = new TrickleStream(sample.Bytes);
        var content = await sample.ReadAsync(trickle, new MemorySink());
        Assert.Equal(sample.Index, content.Descriptor.Index);
    }

    [Fact]
    public async Task What_the_sink_does_not_want_is_verified_and_not_stored()
    {
        await sample.ReadAsync(sample.Bytes, new NoSink());

        var damaged = sample.Bytes.ToArray();
        damaged[^1600] ^= 1;
        await Assert.ThrowsAsync<RefusedException>(() => sample.ReadAsync(damaged, new NoSink()));
    }

    [Fact]
    public async Task The_bundle_of_another_signer_is_refused()
    {
        await SignerRepository.CreateAsync(
            scratch["other"],
            new("demo"),
            PreparedSigner.Passphrase,
            SampleBundle.Now,
            stop
        );
        var other = await SignerRepository.OpenAsync(scratch["other"], stop);
        using var spool = new BlobSpool(scratch.Path);
        var index = await SampleBundle.BuildAsync(scratch["app"], spool);
        var bundle = await SampleBundle.WriteAsync(other, index, spool);

        var received = await ReceivedBundle.OpenAsync(new MemoryStream(bundle), stop);
        var refusal = Assert.Throws<RefusedException>(() => received.Verify(sample.Trusted, SampleBundle.Now, false));
        Assert.Equal(TufFault.Forked, refusal.Fault);
    }

    [Fact]
    public async Task An_old_bundle_is_refused_until_a_person_agrees()
    {
        var later = SampleBundle.Now.AddDays(500);
        var received = await ReceivedBundle.OpenAsync(new MemoryStream(sample.Bytes), stop);

        var refusal = Assert.Throws<RefusedException>(() => received.Verify(sample.Trusted, later, false));
        Assert.Equal(TufFault.Expired, refusal.Fault);

        var bundle = received.Verify(sample.Trusted, later, acceptExpired: true);
        Assert.Equal(SampleBundle.Now.AddDays(400), bundle.ExpiresAt);
        await bundle.ReadReleaseAsync(new MemorySink(), bytesRead: null, stop);
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            bundle.ReadReleaseAsync(new MemorySink(), bytesRead: null, stop)
        );
    }

    private sealed class NoSink : IBlobSink
    {
        public ValueTask<IBlobWriter?> OpenAsync(Blob blob, CancellationToken cancellationToken) =>
            new((IBlobWriter?)null);
    }

    private sealed class TrickleStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            // Now and then not at once, as from a network.
            if (Position % 1000 == 0)
                await Task.Yield();
            return await base.ReadAsync(buffer[..Math.Min(1, buffer.Length)], cancellationToken);
        }
    }
}
