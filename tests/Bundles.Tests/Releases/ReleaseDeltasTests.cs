using System.Text;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Bundles.Tests.Releases;

public sealed class ReleaseDeltasTests
{
    private const int Rounds = 2000;

    private static readonly string A = Digest('a');
    private static readonly string B = Digest('b');
    private static readonly string C = Digest('c');

    internal static ReleaseDeltas Sample { get; } =
        new(
            Digest('f'),
            [SemanticVersion.TryParse("1.0.0")!, SemanticVersion.TryParse("1.1.0-rc.1")!],
            [
                new(A, 4000, [new(A, 4000, Delta: null)]),
                new(B, 5000, [new(C, 6000, new(Digest('d'), 70)), new(B, 5000, Delta: null)]),
            ]
        );

    private static string Digest(char c) => $"sha256:{new string(c, 64)}";

    [Fact]
    public void What_was_written_is_read()
    {
        var read = ReleaseDeltas.Parse(Sample.ToBytes());

        Assert.Equal(Sample.Index, read.Index);
        Assert.Equal(Sample.From, read.From);
        Assert.Equal(Sample.Layers.SelectMany(l => l.Bases), read.Layers.SelectMany(l => l.Bases));
        Assert.Equal([new Blob(Digest('d'), 70)], read.Blobs);
        Assert.Equal(Sample.ToBytes(), read.ToBytes());
    }

    [Fact]
    public void No_release_can_be_called_as_its_deltas_are() =>
        Assert.Equal("shop/1.0.0-deltas/deltas.json", ReleaseDeltas.TargetPathBeside("shop/1.0.0-deltas.json"));

    public static TheoryData<string, string, string> Edits =>
        new()
        {
            { "\"schema-version\":1", "\"schema-version\":2", "is 2, and 1 is what this program knows: update it" },
            { "\"vcdiff\"", "\"bsdiff\"", "is bsdiff, and vcdiff is what this program knows" },
            { "\"schema-version\":1", "\"more\":1,\"schema-version\":1", "not known here" },
            { "{\"format\"", "{ \"format\"", "not in canonical form" },
            { "[\"1.0.0\",\"1.1.0-rc.1\"]", "[]", "from: must name versions" },
            { "\"1.1.0-rc.1\"", "\"1.0.0\"", "from: must name versions, each once" },
            { "\"1.1.0-rc.1\"", "\"../1.0.0\"", "is not the version of a release" },
            { "\"size\":4000}],", "\"size\":4001}],", "says two sizes of one layer" },
            { "\"size\":70", "\"size\":-1", "must be from 0 to" },
            { "\"size\":70", "\"size\":99999999999999999", "must be from 0 to" },
            { "\"size\":70", "\"size\":7e1", "must be a whole number" },
            { "sha256:dd", "sha256:DD", "must be sha256: and 64 lower-case" },
            {
                "\"delta\":{\"digest\":\"sha256:" + new string('d', 64) + "\",\"size\":70},",
                "",
                "must have a delta where"
            },
        };

    [Theory]
    [MemberData(nameof(Edits))]
    public void What_is_not_as_it_must_be_is_refused(string from, string to, string reason)
    {
        var text = Encoding.UTF8.GetString(Sample.ToBytes());
        Assert.Contains(from, text, StringComparison.Ordinal);
        Assert.Contains(reason, Refusal(text.Replace(from, to, StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_there_twice()
    {
        var layer = Sample.Layers[1];
        Assert.Contains(
            "layers, each once",
            RefusalOf(Sample with { Layers = [layer, layer] }),
            StringComparison.Ordinal
        );
        Assert.Contains("layers, each once", RefusalOf(Sample with { Layers = [] }), StringComparison.Ordinal);
        Assert.Contains(
            "one delta for two layers",
            RefusalOf(Sample with { Layers = [layer, layer with { DiffId = A, Bases = [layer.Bases[0]] }] }),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "layers, each once",
            RefusalOf(Sample with { Layers = [layer with { Bases = [layer.Bases[0], layer.Bases[0]] }] }),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void One_delta_may_make_a_layer_of_several_others()
    {
        var (other, same) = (Sample.Layers[1].Bases[0], Sample.Layers[1].Bases[1]);
        var one = Sample with { Layers = [Sample.Layers[1] with { Bases = [other, same, other with { DiffId = A }] }] };

        Assert.Equal([other.Delta], ReleaseDeltas.Parse(one.ToBytes()).Blobs);
    }

    [Fact]
    public void There_is_an_end_to_its_size_and_to_its_lists()
    {
        var many = Enumerable.Range(0, 17).Select(i => SemanticVersion.TryParse($"1.0.{i}")!).ToList();
        Assert.Contains("at most 16", RefusalOf(Sample with { From = many }), StringComparison.Ordinal);
        Assert.Contains("at most", Refusal(new string(' ', ReleaseDeltas.MaxBytes + 1)), StringComparison.Ordinal);
        Assert.Contains("deltas.json", Refusal(new string('[', 100_000)), StringComparison.Ordinal);
    }

    /// <summary>Damaged at random: refused, or what it was; never another exception.</summary>
    [Fact]
    public void Whatever_becomes_of_its_bytes_there_is_an_answer()
    {
        var random = new Random(1);
        for (var round = 0; round < Rounds; round++)
        {
            var bytes = Sample.ToBytes();
            for (var change = random.Next(1, 4); change > 0; change--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var damaged = bytes.AsMemory(0, random.Next(bytes.Length / 2, bytes.Length + 1));
            try
            {
                Assert.Equal(damaged.ToArray(), ReleaseDeltas.Parse(damaged).ToBytes());
            }
            catch (RefusedException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    private static string RefusalOf(ReleaseDeltas deltas) => Refusal(Encoding.UTF8.GetString(deltas.ToBytes()));

    private static string Refusal(string text) =>
        Assert.Throws<RefusedException>(() => ReleaseDeltas.Parse(Encoding.UTF8.GetBytes(text))).Message;
}
