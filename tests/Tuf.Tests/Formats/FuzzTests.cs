using System.Text;
using Appliance.Tuf;

namespace Tuf.Tests.Formats;

/// <summary>Whatever comes in, it is parsed or refused, and by one kind of exception.</summary>
public sealed class FuzzTests : IDisposable
{
    private const int Rounds = 1500;
    private static readonly string[] Pieces =
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u0000",
        "\\ud800",
        "null",
        "-1",
        "1e9",
        "99999999999999999999",
        "\"version\":0",
        "\"keyid\":[]",
        "\"\":{}",
        "\u0001",
        "é",
    ];

    private readonly Repository repository = new();

    public void Dispose() => repository.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Damaged_metadata_is_refused_as_such(int seed)
    {
        var random = new Random(seed);
        repository.Delegations = new(
            new Dictionary<string, Key>(),
            [new("a", new([], 1), ["*"], PathHashPrefixes: null, Terminating: false)]
        );
        repository.Targets["demo/1.0.0.json"] = TargetFile.Of("one"u8);
        var set = repository.Sign();
        ReadOnlyMemory<byte>[] files = [set.Roots[0], set.Timestamp, set.Snapshot, set.Targets];
        Action<ReadOnlyMemory<byte>>[] parsers =
        [
            bytes => UnverifiedMetadata.Root("f", bytes),
            bytes => UnverifiedMetadata.Timestamp("f", bytes),
            bytes => UnverifiedMetadata.Snapshot("f", bytes),
            bytes => UnverifiedMetadata.Targets("f", bytes),
            bytes => OfflineVerification.Pin(bytes),
        ];

        for (var round = 0; round < Rounds; round++)
        {
            var damaged = Damage(files[random.Next(files.Length)], random);
            foreach (var parse in parsers)
            {
                try
                {
                    parse(damaged);
                }
                catch (TufException)
                {
                    // Refused, as it may be; any other exception fails the test.
                }
            }
        }
    }

    private static byte[] Damage(ReadOnlyMemory<byte> file, Random random)
    {
        var bytes = file.ToArray().ToList();
        for (var changes = random.Next(1, 4); changes > 0; changes--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 40), bytes.Count - at));
                    break;
                case 2:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Pieces[random.Next(Pieces.Length)]));
                    break;
                default:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 200), bytes.Count - at)));
                    break;
            }
            if (bytes.Count == 0)
                return [];
        }
        return [.. bytes];
    }
}
