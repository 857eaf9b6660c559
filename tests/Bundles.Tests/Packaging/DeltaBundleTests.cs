using System.Security.Cryptography;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Deltas;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Bundles.Signing;
using Appliance.Testing;
using Bundles.Tests.Oci;
using Bundles.Tests.Signing;

namespace Bundles.Tests.Packaging;

/// <summary>Bundles that have deltas where layers would be.</summary>
public sealed class DeltaBundleTests(SampleBundle sample) : IClassFixture<SampleBundle>, IAsyncLifetime
{
    private static readonly byte[] Data = RandomNumberGenerator.GetBytes(200_000);

    private readonly ScratchFolder scratch = new();
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;
    private readonly List<BlobSpool> spools = [];
    private SignerRepository signer = null!;

    public async ValueTask InitializeAsync()
    {
        sample.CopySignerTo(scratch["signer"]);
        signer = await SignerRepository.OpenAsync(scratch["signer"], stop);
    }

    public ValueTask DisposeAsync()
    {
        spools.ForEach(s => s.Dispose());
        scratch.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task It_is_the_same_release_and_much_smaller()
    {
        var one = await MakeAsync("1.0.0", "one");
        var two = await MakeAsync("2.0.0", "two");
        var deltas = await DeltasAsync(two, one);
        var whole = await WriteAsync(two, deltas: null);
        var small = await WriteAsync(two, deltas);

        var (sink, wholeSink) = (new MemorySink(), new MemorySink());
        var content = await sample.ReadAsync(small, sink);

        Assert.Equal((await sample.ReadAsync(whole, wholeSink)).Blobs, content.Blobs);
        Assert.InRange(small.Length, 1, whole.Length / 5);
        var layers = content.Images.SelectMany(i => i.Layers).Select(l => l.Blob.Digest).ToHashSet();
        Assert.Equal(
            wholeSink.Completed.Keys.Except(layers).Concat(deltas.Blobs.Select(b => b.Digest)).Order(),
            sink.Completed.Keys.Order()
        );
        // The layer that did not change is not in it at all.
        Assert.Equal([0, 1], deltas.Layers.Select(l => l.Bases.Count(b => b.Delta is not null)).Order());
    }

    [Fact]
    public async Task A_repeated_command_signs_nothing_anew_and_other_deltas_replace_those_before()
    {
        var one = await MakeAsync("1.0.0", "one");
        var other = await MakeAsync("1.1.0", "other");
        var two = await MakeAsync("2.0.0", "two");
        var deltas = await DeltasAsync(two, one);

        var first = await SignAsync(two, deltas);
        var again = await SignAsync(two, deltas);
        var without = await SignAsync(two, deltas: null);
        Assert.Equal(first.Metadata.Targets, again.Metadata.Targets);
        Assert.Equal(first.Metadata.Targets, without.Metadata.Targets);

        var both = await DeltasAsync(two, one, other);
        Assert.Equal(["1.0.0", "1.1.0"], both.From.Select(v => v.Text));
        await sample.ReadAsync(await WriteAsync(two, both), new MemorySink());
        Assert.Equal(
            two.Content.Descriptor,
            await signer.ReadReleaseAsync(two.Version, PreparedSigner.Passphrase, stop)
        );
    }

    /// <summary>What differs in the same place, by as much, has the same delta.</summary>
    [Fact]
    public async Task One_delta_for_several_versions_is_in_it_once()
    {
        var one = await MakeAsync("1.0.0", "a");
        var other = await MakeAsync("1.1.0", "b");
        var two = await MakeAsync("2.0.0", "c");

        var deltas = await DeltasAsync(two, one, other);

        var changed = deltas.Layers.Single(l => l.Bases.Count > 1);
        Assert.Equal(changed.Bases[0].Delta, changed.Bases[1].Delta);
        Assert.Single(deltas.Blobs);
        var sink = new MemorySink();
        await sample.ReadAsync(await WriteAsync(two, deltas), sink);
        Assert.Contains(deltas.Blobs.Single().Digest, sink.Completed.Keys);
    }

    [Fact]
    public async Task What_an_appliance_would_refuse_is_not_signed()
    {
        var one = await MakeAsync("1.0.0", "one");
        var two = await MakeAsync("2.0.0", "two");
        var deltas = await DeltasAsync(two, one);
        var changed = deltas.Layers.Single(l => l.Bases[0].Delta is not null);
        var stranger = changed with { DiffId = $"sha256:{new string('9', 64)}" };

        await Assert.ThrowsAsync<RefusedException>(() => SignAsync(two, deltas with { Layers = [changed, stranger] }));

        await Assert.ThrowsAsync<RefusedException>(() =>
            signer.ReadReleaseAsync(two.Version, PreparedSigner.Passphrase, stop)
        );
    }

    [Fact]
    public async Task A_layer_that_has_nothing_in_common_is_sent_as_it_is()
    {
        var one = await MakeAsync("1.0.0", "one");
        var two = await MakeAsync("2.0.0", "two", RandomNumberGenerator.GetBytes(200_000));
        var deltas = await DeltasAsync(two, one);

        var changed = two.Content.Images[0].Layers[1];
        Assert.DoesNotContain(deltas.Layers, l => l.DiffId == changed.DiffId);
        var sink = new MemorySink();
        await sample.ReadAsync(await WriteAsync(two, deltas), sink);
        Assert.Contains(changed.Blob.Digest, sink.Completed.Keys);
    }

    [Fact]
    public async Task Every_byte_of_it_is_covered()
    {
        var one = await MakeAsync("1.0.0", "one");
        var two = await MakeAsync("2.0.0", "two");
        var small = await WriteAsync(two, await DeltasAsync(two, one));
        var entries = Entries.Of(small);
        var place = 0;
        var checkedEntries = 0;
        foreach (var entry in entries)
        {
            var start = place + 512;
            place = start + entry.Content.Length + TarHeader.PaddingAfter(entry.Content.Length);
            if (entry.Name.StartsWith("metadata/", StringComparison.Ordinal))
                continue;
            checkedEntries++;
            foreach (var at in (int[])[start - 512, start, start + entry.Content.Length / 2, place - 1])
            {
                var changed = small.ToArray();
                changed[at] ^= 1;
                await sample.RefuseAsync(changed);
            }
        }
        Assert.True(checkedEntries > 8);
        Assert.Contains(entries, e => e.Name == "targets/demo/2.0.0/deltas.json");
    }

    [Fact]
    public async Task What_was_not_signed_is_refused()
    {
        var one = await MakeAsync("1.0.0", "one");
        var two = await MakeAsync("2.0.0", "two");
        var deltas = await DeltasAsync(two, one);
        var small = Entries.Of(await WriteAsync(two, deltas));
        var at = small.FindIndex(e => e.Name.EndsWith("/deltas.json", StringComparison.Ordinal));
        var own = small[at];

        var lessFrom = deltas with { From = [SemanticVersion.TryParse("0.9.0")!] };
        small[at] = Entries.Entry.Of(own.Name, lessFrom.ToBytes());
        Assert.Contains("deltas.json", await sample.RefuseAsync(Entries.Join(small)), StringComparison.Ordinal);
        small.RemoveAt(at);
        Assert.Contains("stands where", await sample.RefuseAsync(Entries.Join(small)), StringComparison.Ordinal);
        small.Insert(at, own);
        small.Insert(at, own);
        Assert.Contains(
            "stands where oci-layout",
            await sample.RefuseAsync(Entries.Join(small)),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task What_was_signed_must_agree_with_the_release()
    {
        var one = await MakeAsync("1.0.0", "one");
        var two = await MakeAsync("2.0.0", "two");
        var deltas = await DeltasAsync(two, one);
        var stranger = new LayerDeltas(
            $"sha256:{new string('9', 64)}",
            10,
            [new($"sha256:{new string('9', 64)}", 10, Delta: null)]
        );
        var wrongSize = deltas.Layers[0] with { Size = 1, Bases = [deltas.Layers[0].Bases[0] with { Size = 1 }] };

        await RefuseSignedAsync(deltas with { Index = $"sha256:{new string('8', 64)}" }, "and the release is");
        await RefuseSignedAsync(deltas with { Layers = [.. deltas.Layers, stranger] }, "is no layer of the release");
        await RefuseSignedAsync(deltas with { Layers = [wrongSize, .. deltas.Layers.Skip(1)] }, "bytes there, and");

        async Task RefuseSignedAsync(ReleaseDeltas wrong, string reason)
        {
            var entries = Entries.Of(await WriteAsync(two, deltas));
            var signed = (await SignAsync(two, wrong)).Metadata;
            // The bundle as it was, with metadata and deltas exchanged for what was signed later.
            var names = Entries.Of(await WriteAsync(two, deltas: null)).Select(e => e.Name).ToList();
            ReadOnlyMemory<byte>[] metadata = [.. signed.Roots, signed.Timestamp, signed.Snapshot, signed.Targets];
            for (var i = 0; i < metadata.Length; i++)
                entries[i] = Entries.Entry.Of(names[i], metadata[i].ToArray());
            var at = entries.FindIndex(e => e.Name.EndsWith("/deltas.json", StringComparison.Ordinal));
            entries[at] = Entries.Entry.Of(entries[at].Name, wrong.ToBytes());
            Assert.Contains(reason, await sample.RefuseAsync(Entries.Join(entries)), StringComparison.Ordinal);
        }
    }

    private async Task<Made> MakeAsync(string version, string text, byte[]? data = null)
    {
        var number = SemanticVersion.TryParse(version)!;
        var same = SampleImages.Layer("bin/tool", new string('t', 5000));
        var differs = SampleImages.Tar(("data", data ?? Data), ("version", System.Text.Encoding.UTF8.GetBytes(text)));
        var folder = scratch[$"images-{version}"];
        Directory.CreateDirectory(folder);
        await File.WriteAllBytesAsync(
            Path.Combine(folder, "web.tar"),
            SampleImages.BlobsArchive(
                $"demo/web:{version}",
                SampleImages.Config("amd64", same, differs),
                SampleImages.Gzip(same),
                SampleImages.Gzip(differs)
            ),
            stop
        );
        var spool = new BlobSpool(scratch.Path);
        spools.Add(spool);
        var images = new ImageLibrary(spool, Platform.TryParse("linux/amd64")!);
        await images.AddAsync(folder, stop);
        var index = await ReleaseBuilder.BuildAsync(
            new("demo", number, null, Allowances.None),
            [new("compose.yaml", "name: demo\n"u8.ToArray())],
            [ImageReference.TryParse($"demo/web:{version}")!],
            images,
            spool,
            stop
        );
        var descriptor = new ReleaseDescriptor("demo", number, index, SampleBundle.Now);
        return new(number, await ReleaseContentReader.ReadAsync(descriptor, spool.OpenAsync, stop), spool);
    }

    private async Task<ReleaseDeltas> DeltasAsync(Made to, params Made[] from)
    {
        var maker = new DeltaMaker(new Xdelta(TimeProvider.System), scratch.Path, to.Spool);
        var earlier = from.Select(f => new EarlierRelease(f.Content, f.Spool.OpenAsync)).ToList();
        return (await maker.MakeAsync(to.Content, earlier, progress: null, stop)).Deltas!;
    }

    private Task<SignedRelease> SignAsync(Made made, ReleaseDeltas? deltas) =>
        signer.AddReleaseAsync(made.Content.Descriptor, deltas, PreparedSigner.Passphrase, SampleBundle.Now, stop);

    private async Task<byte[]> WriteAsync(Made made, ReleaseDeltas? deltas)
    {
        var signed = await SignAsync(made, deltas);
        var output = new MemoryStream();
        await BundleWriter.WriteAsync(
            output,
            signed.Metadata,
            signed.DescriptorBytes,
            deltas,
            made.Spool.OpenAsync,
            bytesWritten: null,
            stop
        );
        return output.ToArray();
    }

    private sealed record Made(SemanticVersion Version, ReleaseContent Content, BlobSpool Spool);
}
