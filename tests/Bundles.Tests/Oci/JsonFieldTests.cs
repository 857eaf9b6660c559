using System.Text;
using Appliance.Bundles.Oci;
using Appliance.Bundles.Releases;

namespace Bundles.Tests.Oci;

/// <summary>Documents of others: always an answer or a refusal, never another exception.</summary>
public sealed class JsonFieldTests
{
    private const string Good =
        """{"schemaVersion":2,"mediaType":"x","config":{"digest":"sha256:00","size":1.5e3},"layers":[{"a":"\\u00e9"},null,true]}""";

    private static readonly string[] Scraps =
    [
        "\\ud800",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\0",
        "é",
        "1e999",
        "\\",
        "null",
    ];

    [Theory]
    [InlineData("{\"\\ud800\":1}")]
    [InlineData("{\"a\":\"\\udc00\"}")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{")]
    public void What_has_no_single_meaning_is_refused(string text) =>
        Assert.Throws<RefusedException>(() => Parse(Encoding.UTF8.GetBytes(text)));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_damaged_document_is_read_or_refused(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 2000; round++)
        {
            var bytes = Encoding.UTF8.GetBytes(Good).ToList();
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                var at = random.Next(bytes.Count);
                if (random.Next(2) == 0)
                    bytes[at] = (byte)random.Next(256);
                else
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Scraps[random.Next(Scraps.Length)]));
            }
            try
            {
                Visit(Parse([.. bytes]));
            }
            catch (RefusedException)
            {
                // As it may.
            }
        }
    }

    private static JsonField Parse(byte[] bytes) => JsonField.Parse(new(bytes, "a document"));

    private static void Visit(JsonField root)
    {
        foreach (var (_, value) in root.Members())
        {
            foreach (
                var read in (Action[])
                    [
                        () => value.Text(),
                        () => value.Number(long.MaxValue),
                        () => value.Blob(10),
                        () => value.Items(2),
                        () => Visit(value),
                    ]
            )
            {
                try
                {
                    read();
                }
                catch (RefusedException)
                {
                    // As it may.
                }
            }
        }
    }
}
