using System.Text;
using System.Text.RegularExpressions;
using Appliance.Bundles.Packaging;
using Appliance.Bundles.Releases;
using Appliance.Tuf;
using Bundles.Tests.Oci;

namespace Bundles.Tests.Packaging;

/// <summary>What is not the one archive that a release can be is refused, and the message says where and why.</summary>
public sealed class RefusalTests(SampleBundle sample) : IClassFixture<SampleBundle>
{
    // Outside of signatures every byte is covered by something; this many places are tried beside the regular ones.
    private const int RandomPlaces = 2000;

    private List<Entries.Entry> All => Entries.Of(sample.Bytes);

    public static TheoryData<string, byte[], string> Strangers =>
        new()
        {
            { "nothing", [], "the file is empty" },
            { "gzip", SampleImages.Gzip(new byte[2000]), "compressed with gzip; a bundle is not compressed" },
            { "zip", [.. "PK\x03\x04"u8, .. new byte[2000]], "a zip archive, and not a bundle" },
            { "text", [.. Enumerable.Repeat((byte)'a', 5000)], "it does not begin as a tar does" },
            { "zeros", new byte[5000], "it does not begin as a tar does" },
            { "another tar", SampleImages.Layer("a", "b"), "\"a\" stands where metadata/1.root.json must be" },
        };

    [Theory]
    [MemberData(nameof(Strangers))]
    public async Task What_is_no_bundle_is_told_apart(string what, byte[] bytes, string reason) =>
        Assert.True(
            await sample.RefuseAsync(bytes) is var m && m.Contains(reason, StringComparison.Ordinal),
            $"{what}: {m}"
        );

    [Fact]
    public async Task It_may_not_end_anywhere_but_at_its_end()
    {
        var lengths = Entries
            .Of(sample.Bytes)
            .Aggregate(
                new List<int> { 0 },
                (ends, e) => [.. ends, ends[^1] + 512 + e.Content.Length + TarHeader.PaddingAfter(e.Content.Length)]
            );
        foreach (var length in lengths.SelectMany(l => (int[])[l, l + 1, l + 511, l + 512, l + 700]).Skip(1))
        {
            // Less than a header could be the beginning of anything.
            if (length < 512 || length >= sample.Bytes.Length)
                continue;
            var reason = await sample.RefuseAsync(sample.Bytes[..length]);
            Assert.Contains($"at byte {length}: the file ends within", reason, StringComparison.Ordinal);
        }
        Assert.Contains("the two blocks", await sample.RefuseAsync(sample.Bytes[..^512]), StringComparison.Ordinal);
        Assert.Contains("the two blocks", await sample.RefuseAsync(sample.Bytes[..^1]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(512)]
    [InlineData(10240)]
    public async Task Nothing_may_follow_the_end(int more) =>
        Assert.Contains(
            $"at byte {sample.Bytes.Length}: bytes follow the end",
            await sample.RefuseAsync([.. sample.Bytes, .. new byte[more]]),
            StringComparison.Ordinal
        );

    [Fact]
    public async Task An_entry_may_not_be_left_out_repeated_or_swapped()
    {
        for (var i = 0; i < All.Count; i++)
        {
            var (missing, twice, swapped) = (All, All, All);
            missing.RemoveAt(i);
            twice.Insert(i, twice[i]);
            if (i > 0)
                (swapped[i - 1], swapped[i]) = (swapped[i], swapped[i - 1]);
            else
                swapped.Reverse();
            foreach (var entries in (List<Entries.Entry>[])[missing, twice, swapped])
            {
                var reason = await sample.RefuseAsync(Entries.Join(entries));
                Assert.Matches(
                    "^at byte [0-9]+: (\".*\" stands where .* must be|.* is missing|.* is one entry more)",
                    reason
                );
            }
        }
    }

    [Fact]
    public async Task An_entry_more_is_refused_wherever_it_is()
    {
        for (var i = 0; i <= All.Count; i++)
        {
            var entries = All;
            entries.Insert(i, Entries.Entry.Of("blobs/sha256/" + new string('0', 64), "x"u8.ToArray()));
            Assert.Contains(
                "blobs/sha256/0000",
                await sample.RefuseAsync(Entries.Join(entries)),
                StringComparison.Ordinal
            );
        }
    }

    public static TheoryData<int, string, string> Fields =>
        new()
        {
            { 0, "../../etc/cron.d/x", "\"../../etc/cron.d/x" },
            { 0, "/etc/passwd", "\"/etc/passwd" },
            { 100, "0000755", "the mode in the header" },
            { 108, "0000001", "the owner in the header" },
            { 116, "0000001", "the group in the header" },
            { 136, "00000000001", "the time in the header" },
            { 156, "1", "is a hard link" },
            { 156, "2", "is a symbolic link" },
            { 156, "5", "is a folder" },
            { 156, "3", "is a device" },
            { 156, "6", "is a pipe" },
            { 156, "x", "is an extension header" },
            { 156, "L", "is an extension header" },
            { 156, "Z", "is of an unknown kind" },
            { 157, "target", "the link in the header" },
            { 263, " \0", "the magic in the header" },
            { 265, "root", "the owner's name in the header" },
            { 297, "root", "the group's name in the header" },
            { 337, "0000001", "the device in the header" },
            { 345, "folder", "\"folder/" },
            { 500, "x", "the rest in the header" },
            { 124, "77777777777", "" },
            { 124, "99999999999", "" },
            { 124, "           ", "" },
        };

    [Theory]
    [MemberData(nameof(Fields))]
    public async Task A_header_has_one_form(int at, string value, string reason)
    {
        for (var i = 0; i < All.Count; i += 3)
        {
            var entries = All;
            entries[i] = entries[i].With(at, value);
            var message = await sample.RefuseAsync(Entries.Join(entries));
            Assert.StartsWith("at byte ", message, StringComparison.Ordinal);
            Assert.Contains(reason, message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_size_in_base_256_where_octal_is_enough_is_refused()
    {
        var entries = All;
        var header = entries[0].With(124, "\0\0\0\0\0\0\0\0\0\0\0\0").Header;
        header[124] = 0x80;
        header[134] = (byte)(entries[0].Content.Length >> 8);
        header[135] = (byte)entries[0].Content.Length;
        entries[0] = (entries[0] with { Header = header }).With(0, "metadata");
        Assert.Contains(
            "the size in the header",
            await sample.RefuseAsync(Entries.Join(entries)),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task What_fills_up_a_block_must_be_zeros()
    {
        var at = 0;
        foreach (var entry in All)
        {
            at += 512 + entry.Content.Length;
            if (TarHeader.PaddingAfter(entry.Content.Length) is > 0 and var padding)
            {
                foreach (var place in (int[])[at, at + padding - 1])
                {
                    var bundle = sample.Bytes.ToArray();
                    bundle[place] = 1;
                    Assert.Contains(
                        $"at byte {place}: what fills up",
                        await sample.RefuseAsync(bundle),
                        StringComparison.Ordinal
                    );
                }
                at += padding;
            }
        }
    }

    [Fact]
    public async Task No_metadata_may_be_larger_than_it_needs_to_be()
    {
        int[] most =
        [
            MetadataLimits.RootBytes,
            MetadataLimits.TimestampBytes,
            MetadataLimits.SnapshotBytes,
            MetadataLimits.TargetsBytes,
            ReleaseDescriptor.MaxBytes,
        ];
        foreach (var (i, size) in most.Index())
        {
            var entries = All;
            entries[i] = Entries.Entry.Of(entries[i].Name, new byte[size + 1]);
            // Where a root or the timestamp may come, the timestamp's own limit is the verifier's.
            Assert.Matches(
                "bytes; at most |has more than 16384 bytes",
                await sample.RefuseAsync(Entries.Join(entries))
            );
        }
    }

    [Fact]
    public async Task All_roots_together_may_not_fill_the_memory()
    {
        var roots = Enumerable.Range(1, 40).Select(v => Entries.Entry.Of(BundleNames.Root(v), new byte[500_000]));
        Assert.Contains(
            "\"metadata/34.root.json\" has 500000 bytes; at most 277216 are allowed",
            await sample.RefuseAsync(Entries.Join(roots)),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_version_in_a_name_must_be_that_of_the_metadata()
    {
        foreach (var i in (int[])[2, 3])
        {
            var entries = All;
            entries[i] = Entries.Entry.Of(
                entries[i].Name.Replace("/1.", "/7.", StringComparison.Ordinal),
                entries[i].Content
            );
            Assert.Contains(
                "must be called metadata/1.",
                await sample.RefuseAsync(Entries.Join(entries)),
                StringComparison.Ordinal
            );
        }
    }

    [Fact]
    public async Task Without_a_signature_nothing_holds()
    {
        // From the timestamp on, what is above covers the whole file.
        foreach (var i in (int[])[0, 1])
        {
            var entries = All;
            var unsigned = Regex.Replace(
                Encoding.UTF8.GetString(entries[i].Content),
                "\"signatures\":\\[.*\\],\"signed\"",
                "\"signatures\":[],\"signed\"",
                RegexOptions.None,
                TimeSpan.FromSeconds(1)
            );
            entries[i] = Entries.Entry.Of(entries[i].Name, Encoding.UTF8.GetBytes(unsigned));
            var received = await ReceivedBundle.OpenAsync(
                new MemoryStream(Entries.Join(entries)),
                TestContext.Current.CancellationToken
            );
            var refusal = Assert.Throws<RefusedException>(() =>
                received.Verify(sample.Trusted, SampleBundle.Now, false)
            );
            Assert.Equal(TufFault.Signature, refusal.Fault);
        }
    }

    [Fact]
    public async Task A_descriptor_that_nobody_signed_for_is_refused()
    {
        var entries = All;
        entries[4] = Entries.Entry.Of("targets/demo/3.0.0.json", entries[4].Content);
        Assert.Contains("it was not signed", await sample.RefuseAsync(Entries.Join(entries)), StringComparison.Ordinal);

        entries = All;
        var other = Encoding.UTF8.GetString(entries[4].Content).Replace("2.0.0", "2.0.1", StringComparison.Ordinal);
        entries[4] = Entries.Entry.Of(entries[4].Name, Encoding.UTF8.GetBytes(other));
        Assert.Contains(
            "targets/demo/2.0.0.json",
            await sample.RefuseAsync(Entries.Join(entries)),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_byte_changed_anywhere_but_in_signatures_is_noticed()
    {
        var random = new Random(20260115);
        var covered = CoveredPlaces();
        var boundaries = All.Aggregate(
            (List<int>)[0],
            (ends, e) => [.. ends, ends[^1] + 512 + e.Content.Length + TarHeader.PaddingAfter(e.Content.Length)]
        );
        var regular = boundaries.SelectMany(b => (int[])[b, b + 50, b + 130, b + 150, b + 400, b + 512, b + 520]);
        var places = regular
            .Concat(Enumerable.Range(0, RandomPlaces).Select(_ => random.Next(sample.Bytes.Length)))
            .Where(place => place < sample.Bytes.Length && covered[place])
            .ToList();

        Assert.True(places.Count > RandomPlaces / 2);
        foreach (var place in places)
        {
            var bundle = sample.Bytes.ToArray();
            bundle[place] ^= (byte)(1 << random.Next(8));
            try
            {
                await sample.RefuseAsync(bundle);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new InvalidOperationException($"at byte {place}", e);
            }
        }
    }

    [Fact]
    public async Task Pieces_moved_about_and_noise_are_refused_and_nothing_worse()
    {
        var random = new Random(1);
        var covered = CoveredPlaces();
        for (var i = 0; i < 300; i++)
        {
            var bundle = sample.Bytes.ToArray();
            var (from, to) = (random.Next(bundle.Length), random.Next(bundle.Length));
            var length = random.Next(1, Math.Min(2000, bundle.Length - Math.Max(from, to)));
            if (i % 2 == 0)
                bundle.AsSpan(from, length).ToArray().CopyTo(bundle, to);
            else
                random.NextBytes(bundle.AsSpan(to, length));
            if (Enumerable.Range(0, bundle.Length).Any(at => bundle[at] != sample.Bytes[at] && covered[at]))
                await sample.RefuseAsync(bundle);
        }
    }

    private bool[] CoveredPlaces()
    {
        var covered = new bool[sample.Bytes.Length];
        Array.Fill(covered, true);
        var at = 0;
        foreach (var entry in All)
        {
            at += 512;
            if (entry.Name.StartsWith("metadata/", StringComparison.Ordinal))
            {
                var text = Encoding.UTF8.GetString(entry.Content);
                var start = text.IndexOf("\"signatures\":[", StringComparison.Ordinal) + "\"signatures\":[".Length;
                Array.Fill(covered, false, at + start, text.IndexOf("],\"signed\"", StringComparison.Ordinal) - start);
            }
            at += entry.Content.Length + TarHeader.PaddingAfter(entry.Content.Length);
        }
        return covered;
    }
}
