using System.Text;
using System.Text.RegularExpressions;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Bundles.Signing;
using Appliance.Testing;
using Bundles.Tests.Oci;
using Bundles.Tests.Signing;

namespace Bundles.Tests.Packaging;

/// <summary>Releases that somebody signed, and that are wrong all the same: what a signature covers must still agree.</summary>
public sealed partial class ForgedReleaseTests(SampleBundle sample) : IClassFixture<SampleBundle>, IDisposable
{
    private readonly ScratchFolder scratch = new();
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task A_layer_that_unpacks_to_more_than_it_says_is_a_bomb()
    {
        // A megabyte of zeros is a kilobyte of gzip.
        var bomb = SampleImages.Gzip(new byte[1 << 20]);
        var sizes = SampleImages.Layer("bin/tool", new string('t', 5000)).Length;
        await RefuseAsync(
            blobs => blobs.Replace(GzipOfTool(blobs), bomb),
            $"it unpacks to more than the {sizes} bytes"
        );
    }

    /// <summary>It would be the present for whoever verified it, and nothing would be good any more.</summary>
    [Fact]
    public async Task A_date_after_the_expiry_of_the_metadata_is_refused()
    {
        var expiry = SampleBundle.Now.AddDays(400);
        Assert.Equal(expiry, (await VerifyAsync(signedAt: expiry)).Descriptor.SignedAt);

        var refusal = await Assert.ThrowsAsync<RefusedException>(() => VerifyAsync(expiry.AddSeconds(1)));

        Assert.Contains("says it was signed at 2027-02-19 12:00:01Z", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_layer_must_unpack_to_its_diff_id()
    {
        var other = SampleImages.Gzip(SampleImages.Layer("bin/tool", new string('x', 5000)));
        await RefuseAsync(blobs => blobs.Replace(GzipOfTool(blobs), other), "unpacks to sha256:");
        await RefuseAsync(blobs => blobs.Replace(GzipOfTool(blobs), [1, 2, 3]), "a layer of demo/counter:2.0.0");
        await RefuseAsync(
            blobs => blobs.Replace(GzipOfTool(blobs), SampleImages.Gzip("x"u8.ToArray())),
            "unpacks to 1 bytes"
        );
    }

    public static TheoryData<string, string, string> Edits =>
        new()
        {
            {
                "\"schema-version\":1",
                "\"schema-version\":2",
                "schema-version: is 2, and 1 is what this program knows: update it"
            },
            {
                "\"product\":\"demo\",\"schema",
                "\"more\":1,\"product\":\"demo\",\"schema",
                "has a member that is not known here"
            },
            {
                "\"product\":\"demo\",\"schema",
                "\"product\":\"domo\",\"schema",
                "release.json is of domo 2.0.0, and what was signed is demo 2.0.0"
            },
            { "\"unpacked-size\":", "\"unpacked-size\":1", "were signed for" },
            {
                "{\"allowances\"",
                "{\"agent\":{\"image\":\"demo/agent:1\",\"program\":{\"digest\":\"sha256:"
                    + new string('a', 64)
                    + "\",\"size\":5},\"version\":\"1.0.0\"},\"allowances\"",
                "names demo/agent:1 as the agent, which is not among the images"
            },
            {
                "{\"allowances\"",
                "{\"agent\":{\"image\":\"demo/web:2.0.0\",\"program\":{\"digest\":\"sha256:"
                    + new string('a', 64)
                    + "\",\"size\":5},\"version\":\"1.0.0\"},\"allowances\"",
                "has 2 layers, and must have one"
            },
            {
                "{\"allowances\"",
                "{\"agent\":{\"image\":\"demo/web:2.0.0\",\"program\":{\"digest\":\"sha256:"
                    + new string('a', 64)
                    + "\",\"size\":536870913},\"version\":\"1.0.0\"},\"allowances\"",
                "agent.program.size"
            },
            {
                "{\"allowances\"",
                "{\"agent\":{\"image\":\"demo/web:2.0.0\",\"program\":{\"digest\":\"sha256:"
                    + new string('a', 64)
                    + "\",\"size\":5},\"version\":\"one\"},\"allowances\"",
                "agent.version: is not a semantic version"
            },
            {
                "\"upgrade-from\":\">=1.0.0 <2.0.0\"",
                "\"upgrade-from\":\"whatever\"",
                "upgrade-from: is not a range of versions"
            },
            { "\"upgrade-from\":\">=1.0.0 <2.0.0\"", "\"upgrade-from\":\">=1.0.0  <2.0.0\"", "not in canonical form" },
            {
                "image.title\":\"conf/app.conf\"",
                "image.title\":\"../app.conf\"",
                "\"../app.conf\" is not the name of a file"
            },
            {
                "image.title\":\"conf/app.conf\"",
                "image.title\":\"/etc/passwd\"",
                "\"/etc/passwd\" is not the name of a file"
            },
            { "image.title\":\"conf/app.conf\"", "image.title\":\"zz.conf\"", "not in the order of their names" },
            { "image.title\":\"conf/app.conf\"", "image.title\":\"compose.yaml/x\"", "lies in what is also a file" },
            { "image.title\":\"compose.yaml\"", "image.title\":\"a.yaml\"", "and must be compose.yaml" },
            { "ref.name\":\"demo/counter:2.0.0\"", "ref.name\":\"demo/web:2.0.0\"", "demo/web:2.0.0 is there twice" },
            { "ref.name\":\"demo/counter:2.0.0\"", "ref.name\":\"demo/counter\"", "is not a whole reference" },
        };

    [Theory]
    [MemberData(nameof(Edits))]
    public async Task Its_documents_must_say_what_they_must(string from, string to, string reason)
    {
        await RefuseAsync(
            blobs =>
            {
                var document = blobs.Bytes.Values.First(b =>
                    Encoding.UTF8.GetString(b).Contains(from, StringComparison.Ordinal)
                );
                blobs.Replace(
                    document,
                    Encoding.UTF8.GetBytes(
                        Encoding.UTF8.GetString(document).Replace(from, to, StringComparison.Ordinal)
                    )
                );
            },
            reason
        );
    }

    private async Task<VerifiedBundle> VerifyAsync(DateTimeOffset signedAt)
    {
        var signer = scratch[$"signer{Guid.NewGuid():n}"];
        sample.CopySignerTo(signer);
        var repository = await SignerRepository.OpenAsync(signer, stop);
        var descriptor = new ReleaseDescriptor("demo", SampleBundle.Document.Version, sample.Index, signedAt);
        var signed = await repository.AddReleaseAsync(descriptor, PreparedSigner.Passphrase, SampleBundle.Now, stop);
        var start = Entries
            .Of(sample.Bytes)
            .Zip<Entries.Entry, ReadOnlyMemory<byte>>([
                signed.Metadata.Roots[0],
                signed.Metadata.Timestamp,
                signed.Metadata.Snapshot,
                signed.Metadata.Targets,
                signed.DescriptorBytes,
            ])
            .Select(pair => Entries.Entry.Of(pair.First.Name, pair.Second.ToArray()));
        var received = await ReceivedBundle.OpenAsync(new MemoryStream(Entries.Join(start)), stop);
        return received.Verify(sample.Trusted, SampleBundle.Now, acceptExpired: false);
    }

    private static byte[] GzipOfTool(Blobs blobs) =>
        blobs.Bytes[SampleImages.Digest(SampleImages.Gzip(SampleImages.Layer("bin/tool", new string('t', 5000))))];

    /// <summary>Changes a release below its index, signs what comes of it, and has it read.</summary>
    private async Task RefuseAsync(Action<Blobs> change, string reason)
    {
        var sink = new MemorySink();
        await sample.ReadAsync(sample.Bytes, sink);
        var blobs = new Blobs(sink.Completed, sample.Index.Digest);
        change(blobs);

        var signer = scratch[$"signer{Guid.NewGuid():n}"];
        sample.CopySignerTo(signer);
        var repository = await SignerRepository.OpenAsync(signer, stop);
        var index = new Blob(blobs.Index, blobs.Bytes[blobs.Index].Length);
        var descriptor = new ReleaseDescriptor("demo", SampleBundle.Document.Version, index, SampleBundle.Now);
        var signed = await repository.AddReleaseAsync(descriptor, PreparedSigner.Passphrase, SampleBundle.Now, stop);

        var message = await sample.RefuseAsync(blobs.Pack(signed, Entries.Of(sample.Bytes)));
        Assert.Contains(reason, message, StringComparison.Ordinal);
    }

    /// <summary>Blobs that name each other.</summary>
    private sealed partial class Blobs(Dictionary<string, byte[]> bytes, string index)
    {
        // In the order of the bundle: names stay in place while digests change.
        private readonly List<string> order = [.. bytes.Keys];

        public Dictionary<string, byte[]> Bytes => bytes;

        public string Index { get; private set; } = index;

        /// <summary>Puts other bytes in the place of some, and mends all that leads there.</summary>
        public void Replace(byte[] old, byte[] with)
        {
            var (before, after) = (SampleImages.Digest(old), SampleImages.Digest(with));
            order[order.IndexOf(before)] = after;
            bytes.Remove(before);
            bytes[after] = with;
            if (Index == before)
                Index = after;
            foreach (var parent in bytes.Values.Where(b => b.Length < 20_000).ToList())
            {
                var text = Encoding.UTF8.GetString(parent);
                if (text.StartsWith('{') && text.Contains(before, StringComparison.Ordinal))
                    Replace(parent, Encoding.UTF8.GetBytes(Mended(text, before, after, with.Length)));
            }
        }

        public byte[] Pack(SignedRelease signed, List<Entries.Entry> model)
        {
            var metadata = signed.Metadata;
            var entries = new List<Entries.Entry>
            {
                Entries.Entry.Of(model[0].Name, metadata.Roots[0].ToArray()),
                Entries.Entry.Of(model[1].Name, metadata.Timestamp.ToArray()),
                Entries.Entry.Of(model[2].Name, metadata.Snapshot.ToArray()),
                Entries.Entry.Of(model[3].Name, metadata.Targets.ToArray()),
                Entries.Entry.Of(model[4].Name, signed.DescriptorBytes.ToArray()),
                model[5],
            };
            // As the index has it, whatever that is.
            var text = Encoding.UTF8.GetString(bytes[Index]);
            var release =
                $$"""{"annotations":{"org.opencontainers.image.ref.name":"2.0.0"},"digest":"{{Index}}","mediaType":"{{SampleImages.OciIndex}}","size":{{bytes[Index].Length}}}""";
            entries.Add(
                Entries.Entry.Of("index.json", Encoding.UTF8.GetBytes(FirstEntry().Replace(text, $"[{release},", 1)))
            );
            entries.AddRange(order.Select(digest => Entries.Entry.Of($"blobs/sha256/{digest[7..]}", bytes[digest])));
            return Entries.Join(entries);
        }

        private static string Mended(string text, string before, string after, int size) =>
            Regex.Replace(
                text.Replace(before, after, StringComparison.Ordinal),
                $"(\"{after}\",\\s*(\"mediaType\":\\s*\"[^\"]*\",\\s*)?\"size\":\\s*)[0-9]+",
                $"${{1}}{size}",
                RegexOptions.None,
                TimeSpan.FromSeconds(1)
            );

        [GeneratedRegex(@"\[\{[^}]*\},", RegexOptions.None, 1000)]
        private static partial Regex FirstEntry();
    }
}
