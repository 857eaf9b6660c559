using System.Text.Json;

namespace Agent.Cli.Tests;

/// <summary>`bundle keys`, which needs no agent.</summary>
public sealed class KeysTests : IDisposable
{
    private const string Variable = "APPLIANCE_SIGNING_PASSPHRASE";

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("actl-keys-");

    private string Signer => Path.Combine(folder.FullName, "signer");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task It_makes_keys_and_says_which_root_to_pin_and_what_to_do()
    {
        var run = await Init("correct horse battery", "--product", "shop");

        Assert.Equal((0, ""), (run.ExitCode, run.Stderr));
        Assert.Contains(Path.Combine(Signer, "metadata/1.root.json"), run.Stdout, StringComparison.Ordinal);
        Assert.Contains("Next:", run.Stdout, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Signer, "metadata/1.root.json")));
    }

    [Fact]
    public async Task Json_names_the_root_to_pin()
    {
        var secret = Path.Combine(folder.FullName, "secret");
        await File.WriteAllTextAsync(secret, "correct horse battery\n", TestContext.Current.CancellationToken);

        var run = await Init(null, "--product", "shop", "--passphrase-file", secret, "--root-keys", "2", "-o", "json");

        Assert.Equal((0, ""), (run.ExitCode, run.Stderr));
        using var json = JsonDocument.Parse(run.Stdout);
        Assert.True(File.Exists(json.RootElement.GetProperty("pinnedRoot").GetString()));
        Assert.Equal(2, json.RootElement.GetProperty("rootKeys").GetInt32());
    }

    [Fact]
    public async Task Without_a_terminal_or_a_passphrase_it_ends_with_2_and_makes_nothing()
    {
        var run = await Init(null, "--product", "shop");

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.Contains("--passphrase-file", run.Stderr, StringComparison.Ordinal);
        Assert.Contains(Variable, run.Stderr, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Signer));
    }

    [Theory]
    [InlineData("short", "--product", "shop")]
    [InlineData("correct horse battery")]
    [InlineData("correct horse battery", "--product", "Shop")]
    [InlineData("correct horse battery", "--product", "shop", "--root-keys", "0")]
    [InlineData("correct horse battery", "--product", "shop", "--root-keys", "2", "--root-threshold", "3")]
    [InlineData("correct horse battery", "--product", "shop", "--passphrase-file", "/nonexistent")]
    public async Task What_cannot_be_ends_with_2_and_makes_nothing(string passphrase, params string[] arguments)
    {
        var run = await Init(passphrase, arguments);

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.StartsWith("appliancectl: ", run.Stderr, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Signer));
    }

    [Fact]
    public async Task A_folder_that_has_keys_is_left_as_it_is()
    {
        await Init("correct horse battery", "--product", "shop");

        var run = await Init("another passphrase", "--product", "shop");

        Assert.Equal((5, ""), (run.ExitCode, run.Stdout));
        Assert.Contains("already", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_named()
    {
        var run = await Appliancectl.RunWithAsync(
            [(Variable, "correct horse battery")],
            "bundle",
            "keys",
            "init",
            "/proc/signer",
            "--product",
            "shop"
        );

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.Contains("/proc/signer cannot be written", run.Stderr, StringComparison.Ordinal);
    }

    /// <summary>On a terminal, which `script` makes, and into which a person types.</summary>
    [Theory]
    [InlineData("correct horse battery\ncorrect horse battery\n", 0, "Next:")]
    [InlineData("correct horse battery\ncorrect horse buttery\n", 2, "not the same")]
    public async Task On_a_terminal_it_asks_twice_and_shows_nothing(string typed, int exitCode, string shown)
    {
        var run = await Appliancectl.TypeOnTerminalAsync(
            ["New passphrase", "The same again"],
            typed.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            "bundle",
            "keys",
            "init",
            Signer,
            "--product",
            "shop"
        );

        Assert.Equal(exitCode, run.ExitCode);
        Assert.Contains(shown, run.Stdout, StringComparison.Ordinal);
        Assert.DoesNotContain("horse", run.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_are_rotated_and_the_first_root_stays()
    {
        await Init("correct horse battery", "--product", "shop");
        var root = await File.ReadAllBytesAsync(Root(1), TestContext.Current.CancellationToken);

        var run = await Rotate("--release-keys", "--root-keys", "3", "--root-threshold", "2");

        Assert.Equal((0, ""), (run.ExitCode, run.Stderr));
        Assert.StartsWith($"{Signer} has root 2; ", run.Stdout, StringComparison.Ordinal);
        Assert.Equal(root, await File.ReadAllBytesAsync(Root(1), TestContext.Current.CancellationToken));
        Assert.True(File.Exists(Root(2)));
        Assert.Equal(4 + 3 + 3, Directory.GetFiles(Path.Combine(Signer, "keys"), "*.pem").Length);

        using var json = JsonDocument.Parse((await Rotate("-o", "json")).Stdout);
        Assert.Equal(3, json.RootElement.GetProperty("rootVersion").GetInt32());
    }

    [Theory]
    [InlineData("--root-keys", "0")]
    [InlineData("--root-threshold", "2")]
    [InlineData("--root-keys", "2", "--root-threshold", "3")]
    public async Task A_rotation_that_cannot_be_ends_with_2(params string[] arguments)
    {
        var run = await Rotate(arguments);

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.Contains("--root-", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rotation_of_what_is_no_signer_is_refused() => Assert.Equal(5, (await Rotate()).ExitCode);

    [Fact]
    public async Task A_passphrase_that_is_no_text_is_refused()
    {
        var secret = Path.Combine(folder.FullName, "secret");
        await File.WriteAllBytesAsync(secret, [.. "correct horse"u8, 0xff], TestContext.Current.CancellationToken);

        var run = await Init(null, "--product", "shop", "--passphrase-file", secret);

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.Contains("is not UTF-8", run.Stderr, StringComparison.Ordinal);
    }

    private string Root(int version) => Path.Combine(Signer, "metadata", $"{version}.root.json");

    private Task<Appliancectl.Outcome> Rotate(params string[] arguments) =>
        Appliancectl.RunWithAsync(
            [(Variable, "correct horse battery")],
            ["bundle", "keys", "rotate", Signer, .. arguments]
        );

    private Task<Appliancectl.Outcome> Init(string? passphrase, params string[] arguments) =>
        Appliancectl.RunWithAsync([(Variable, passphrase)], ["bundle", "keys", "init", Signer, .. arguments]);
}
