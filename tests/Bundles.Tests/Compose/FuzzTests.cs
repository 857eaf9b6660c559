using System.Text;
using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>Good files, damaged at random (with fixed seeds): always an answer, never an exception.</summary>
public sealed class FuzzTests
{
    private const int Rounds = 150;

    private static readonly string[] s_scraps =
    [
        "$",
        "${",
        "}",
        "${A:-",
        "$$",
        ":",
        ": ",
        "- ",
        "*a",
        "&a ",
        "<<: ",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "|\n",
        ">\n",
        "\t",
        "\n",
        "\r",
        "#",
        "!!str ",
        "---\n",
        "\\",
        "\\ud800",
        "\0",
        "é",
        "\ud83d\ude00",
        "null",
        "true",
        "-1",
        "99999999999999999999",
        "0x1",
        "/..",
        "0.0.0.0/0",
        "1e999",
        "x-appliance: ",
        "\ufeff",
        "\u2028",
        "%YAML 1.1\n",
        "? ",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_damaged_file_gives_diagnostics_or_a_model_that_prints_and_reads_back(int seed)
    {
        var random = new Random(seed);
        var files = Directory
            .GetFiles(Path.Combine(AppContext.BaseDirectory, "wild"), "compose.yaml", SearchOption.AllDirectories)
            .Order()
            .Select(f => (Folder: Path.GetDirectoryName(f)!, Text: File.ReadAllText(f)))
            .ToList();

        for (var i = 0; i < Rounds; i++)
        {
            var (folder, text) = files[random.Next(files.Count)];
            var bytes = Damage(text, random);
            ComposeResult result;
            try
            {
                result = ComposeLoader.Parse(bytes, "compose.yaml", folder, ComposeOptions.Default);
                if (result.Model is { } model)
                    RoundTrip.Check(model, folder);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}, round {i}:\n{Encoding.UTF8.GetString(bytes)}", e);
            }

            Assert.Equal(result.Model is null, result.Errors.Any());
            Assert.All(result.Diagnostics, d => Assert.True(d.Line >= 1 && d.Column >= 1, $"{d}"));
        }
    }

    private static byte[] Damage(string text, Random random)
    {
        var damaged = new StringBuilder(text);
        for (var n = random.Next(1, 5); n > 0; n--)
        {
            var at = random.Next(damaged.Length);
            switch (random.Next(4))
            {
                case 0:
                    damaged.Insert(at, s_scraps[random.Next(s_scraps.Length)]);
                    break;
                case 1:
                    damaged.Remove(at, Math.Min(random.Next(1, 12), damaged.Length - at));
                    break;
                case 2:
                    damaged[at] = (char)random.Next(1, 256);
                    break;
                default:
                    var length = Math.Min(random.Next(1, 60), damaged.Length - at);
                    damaged.Insert(random.Next(damaged.Length), damaged.ToString(at, length));
                    break;
            }
        }

        var bytes = Encoding.UTF8.GetBytes(damaged.ToString());
        if (random.Next(10) == 0)
            bytes[random.Next(bytes.Length)] ^= 0x80;
        return bytes;
    }
}
