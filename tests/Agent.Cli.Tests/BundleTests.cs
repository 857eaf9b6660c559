using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Appliance.Testing;

namespace Agent.Cli.Tests;

public sealed class BundleTests(BundleTests.Signer signer) : IClassFixture<BundleTests.Signer>, IDisposable
{
    private const string Compose = """
        name: demo
        x-appliance: {version: "1.0.0", upgrade-from: ">=0.9.0"}
        services:
          web: {image: "demo/web:${TAG:-1}"}
        """;

    private readonly ScratchFolder scratch = new();

    // What images have beside their name.
    private byte[] padding = [];
    private string text = "";

    private string Bundle => scratch["demo.bundle"];

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task What_is_created_is_verified_and_shown()
    {
        var created = await CreateAsync();
        Assert.Equal(0, created.ExitCode);
        Assert.StartsWith($"{Bundle}: demo 1.0.0, 1 image, ", created.Stdout, StringComparison.Ordinal);

        var verified = await RunAsync("bundle", "verify", Bundle, "--root", signer.Root);
        Assert.Equal(0, verified.ExitCode);
        Assert.StartsWith("demo 1.0.0 is verified", verified.Stdout, StringComparison.Ordinal);
        Assert.Contains(created.Stdout.Split('\n')[1], verified.Stdout, StringComparison.Ordinal);

        var shown = await RunAsync("bundle", "inspect", Bundle);
        Assert.StartsWith("demo 1.0.0, not verified: anybody", shown.Stdout, StringComparison.Ordinal);
        Assert.Matches("Upgrade from +>=0.9.0\n", shown.Stdout);
        Assert.Matches("\nweb +demo/web:1\n", shown.Stdout);
        Assert.Matches("\ncompose.yaml +[0-9]+ bytes", shown.Stdout);
        var trusted = await RunAsync("bundle", "inspect", Bundle, "--root", signer.Root);
        Assert.StartsWith("demo 1.0.0, verified\n", trusted.Stdout, StringComparison.Ordinal);

        using var json = JsonDocument.Parse((await RunAsync("bundle", "inspect", Bundle, "-o", "json")).Stdout);
        Assert.False(json.RootElement.GetProperty("verified").GetBoolean());
        Assert.Equal("demo/web:1", json.RootElement.GetProperty("images")[0].GetProperty("reference").GetString());
    }

    [Fact]
    public async Task An_agent_is_asked_for_its_version_and_put_into_the_release()
    {
        File.WriteAllText(scratch["agent"], "#!/bin/sh\necho appliance-agent 7.8.9-rc.1\n");
        File.SetUnixFileMode(scratch["agent"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var compose = Compose.Replace("1.0.0", "1.0.9", StringComparison.Ordinal);
        var created = await CreateAsync(compose, [], "--agent", scratch["agent"]);
        Assert.Equal((0, ""), (created.ExitCode, created.ExitCode == 0 ? "" : created.Stderr));

        var shown = await RunAsync("bundle", "inspect", Bundle);
        Assert.Matches("\nAgent +7.8.9-rc.1\n", shown.Stdout);
        Assert.Matches("\nappliance-agent:7.8.9-rc.1 +1 ", shown.Stdout);
        using var json = JsonDocument.Parse((await RunAsync("bundle", "inspect", Bundle, "-o", "json")).Stdout);
        Assert.Equal("7.8.9-rc.1", json.RootElement.GetProperty("agentVersion").GetString());
    }

    [Theory]
    [InlineData("1.0.10", "#!/bin/sh\necho something 1.0.0\n", "it is no appliance-agent")]
    [InlineData("1.0.11", "#!/nowhere/sh\n", "say it with --agent-version")]
    public async Task What_is_no_agent_is_refused_before_anything_is_signed(string version, string program, string why)
    {
        File.WriteAllText(scratch["agent"], program);
        File.SetUnixFileMode(scratch["agent"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var compose = Compose.Replace("1.0.0", version, StringComparison.Ordinal);
        var refused = await CreateAsync(compose, [], "--agent", scratch["agent"]);
        Assert.Equal(5, refused.ExitCode);
        Assert.Contains(why, refused.Stderr, StringComparison.Ordinal);
        Assert.False(File.Exists(Bundle));

        var said = await CreateAsync(compose, [], "--agent", scratch["agent"], "--agent-version", "1.2.3");
        Assert.Equal(0, said.ExitCode);
    }

    [Fact]
    public async Task It_is_verified_as_it_is_piped_in()
    {
        await CreateAsync();
        var verify = Appliancectl.StartPipeline("/none", $"bundle verify - --root {signer.Root} <{Bundle}", "cat");
        Assert.StartsWith("demo 1.0.0 is verified", (await verify.EndAsync()).Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_command_gives_the_same_bundle_again()
    {
        await CreateAsync();
        var first = await File.ReadAllBytesAsync(Bundle, TestContext.Current.CancellationToken);
        await CreateAsync();
        Assert.Equal(first, await File.ReadAllBytesAsync(Bundle, TestContext.Current.CancellationToken));
        // Nothing is left beside it.
        Assert.DoesNotContain(Directory.GetFileSystemEntries(scratch.Path), e => Path.GetFileName(e).StartsWith('.'));
    }

    [Fact]
    public async Task Variables_that_are_given_become_part_of_the_release()
    {
        Archive("demo/web:7");
        var compose = Compose.Replace("1.0.0", "1.0.7", StringComparison.Ordinal);
        var created = await CreateAsync(
            compose,
            [("SOURCE_DATE_EPOCH", "1700000000")],
            "--env",
            "TAG=7",
            "--env",
            "Q='$x\""
        );
        Assert.Equal(0, created.ExitCode);

        using var json = JsonDocument.Parse((await RunAsync("bundle", "inspect", Bundle, "-o", "json")).Stdout);
        Assert.Equal("demo/web:7", json.RootElement.GetProperty("services")[0].GetProperty("image").GetString());
        Assert.Equal(
            [".env", "compose.yaml"],
            json.RootElement.GetProperty("files")
                .EnumerateArray()
                .Select(f => f.GetProperty("path").GetString())
                .Order(StringComparer.Ordinal)
        );
        Assert.Equal("2023-11-14T22:13:20Z", json.RootElement.GetProperty("signedAt").GetString());
    }

    [Theory]
    [InlineData("17963510400", "is later than now")]
    [InlineData("yesterday", "must be seconds since 1970")]
    public async Task A_date_that_cannot_be_is_refused_before_anything_is_signed(string date, string reason)
    {
        var created = await CreateAsync(Compose, [("SOURCE_DATE_EPOCH", date)]);

        Assert.Equal(2, created.ExitCode);
        Assert.Contains(reason, created.Stderr, StringComparison.Ordinal);
        Assert.False(File.Exists(Bundle));
    }

    [Fact]
    public async Task What_is_allowed_by_name_is_in_the_release()
    {
        var compose = Compose
            .Replace("1.0.0", "1.0.8", StringComparison.Ordinal)
            .Replace("}\"}", "}\", pid: host}", StringComparison.Ordinal);
        var refused = await CreateAsync(compose, []);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("pid: host", refused.Stderr, StringComparison.Ordinal);

        Assert.Equal(0, (await CreateAsync(compose, [], "--allow", "web=pid: host")).ExitCode);
        Assert.Matches("web may +pid: host", (await RunAsync("bundle", "inspect", Bundle)).Stdout);
    }

    [Fact]
    public async Task A_faulty_compose_file_is_refused_with_its_places_before_anything_is_signed()
    {
        var created = await CreateAsync(Compose + "\nvolume: {}\n", []);
        Assert.Equal(2, created.ExitCode);
        Assert.Contains("compose.yaml:5:1: error: volume: unknown key", created.Stderr, StringComparison.Ordinal);
        Assert.False(File.Exists(Bundle));
    }

    [Theory]
    [InlineData("x-appliance: {version: \"1.0.0\", upgrade-from: \">=0.9.0\"}", "", "does not say its version")]
    [InlineData("1.0.0", "1.0.0+build", "1.0.0+build cannot be the version of a release")]
    [InlineData("name: demo", "name: other", "signs releases of 'demo', and this is one of 'other'")]
    public async Task What_cannot_be_signed_is_refused(string from, string to, string reason)
    {
        var created = await CreateAsync(Compose.Replace(from, to, StringComparison.Ordinal), []);
        Assert.Equal(5, created.ExitCode);
        Assert.Contains(reason, created.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_version_is_signed_once()
    {
        await CreateAsync();
        var changed = await CreateAsync(Compose + "\n# changed\n", []);
        Assert.Equal(5, changed.ExitCode);
        Assert.Contains("a release is never changed", changed.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_that_is_nowhere_is_named()
    {
        var created = await CreateAsync(
            Compose.Replace("1.0.0", "1.0.9", StringComparison.Ordinal),
            [("DOCKER_HOST", "unix:///nonexistent/docker.sock")],
            "--env",
            "TAG=8"
        );
        Assert.Equal(2, created.ExitCode);
        Assert.Contains(
            "demo/web:8: not in what --images names, and the engine",
            created.Stderr,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_bundle_that_does_not_hold_is_refused_with_the_reason()
    {
        await CreateAsync();
        var bytes = await File.ReadAllBytesAsync(Bundle, TestContext.Current.CancellationToken);
        bytes[^3000] ^= 1;
        await File.WriteAllBytesAsync(scratch["changed"], bytes, TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(scratch["cut"], bytes[..^5000], TestContext.Current.CancellationToken);

        foreach (
            var (file, reason) in ((string, string)[])
                [("changed", "the file was changed or damaged"), ("cut", "it was cut off")]
        )
        {
            var verified = await RunAsync("bundle", "verify", scratch[file], "--root", signer.Root);
            Assert.Equal(5, verified.ExitCode);
            Assert.Contains($"refused: at byte ", verified.Stderr, StringComparison.Ordinal);
            Assert.Contains(reason, verified.Stderr, StringComparison.Ordinal);
            Assert.Empty(verified.Stdout);
        }
        Assert.Equal(2, (await RunAsync("bundle", "verify", scratch["absent"], "--root", signer.Root)).ExitCode);
        var noRoot = await RunAsync("bundle", "verify", Bundle, "--root", Bundle);
        Assert.Equal(2, noRoot.ExitCode);
        Assert.Contains($"{Bundle} is not a root", noRoot.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_bundle_has_deltas_from_an_earlier_version()
    {
        padding = RandomNumberGenerator.GetBytes(200_000);
        var (one, two) = (scratch["demo-1.1.0.bundle"], scratch["demo-1.2.0.bundle"]);
        var missing = await CreateToAsync(two, "1.2.0", "--delta-from", "1.1.0");
        Assert.Equal(5, missing.ExitCode);
        Assert.Contains("has not signed demo 1.1.0", missing.Stderr, StringComparison.Ordinal);

        Assert.Equal(0, (await CreateToAsync(one, "1.1.0")).ExitCode);
        Directory.CreateDirectory(scratch["elsewhere"]);
        var nowhere = await CreateToAsync(two, "1.2.0", "--delta-from", "1.1.0", "--bundles", scratch["elsewhere"]);
        Assert.Equal(2, nowhere.ExitCode);
        Assert.Contains("say where bundles are with --bundles", nowhere.Stderr, StringComparison.Ordinal);

        var created = await CreateToAsync(two, "1.2.0", "--delta-from", "1.1.0");
        Assert.Equal(0, created.ExitCode);
        var small = scratch["demo-1.2.0.delta.bundle"];
        Assert.Contains($"{small}: for 1.1.0 only, ", created.Stdout, StringComparison.Ordinal);
        Assert.Matches("\nsha256:[0-9a-f]{64} +[0-9]+ kB +[0-9]+ bytes +demo/web:1\n", created.Stdout);
        Assert.True(new FileInfo(small).Length < new FileInfo(two).Length / 5);

        Assert.Equal(0, (await RunAsync("bundle", "verify", two, "--root", signer.Root)).ExitCode);
        Assert.Equal(0, (await RunAsync("bundle", "verify", small, "--root", signer.Root)).ExitCode);
        Assert.Matches("Only for +appliances with 1.1.0: ", (await RunAsync("bundle", "inspect", small)).Stdout);
        using var json = JsonDocument.Parse((await RunAsync("bundle", "inspect", small, "-o", "json")).Stdout);
        Assert.Equal("1.1.0", json.RootElement.GetProperty("deltasFrom")[0].GetString());
        Assert.DoesNotContain(Directory.GetFileSystemEntries(scratch.Path), e => Path.GetFileName(e).StartsWith('.'));

        var back = await CreateToAsync(one, "1.1.0", "--delta-from", "1.2.0");
        Assert.Equal(5, back.ExitCode);
        Assert.Contains("1.1.0 is no later version", back.Stderr, StringComparison.Ordinal);
        Assert.Equal(2, (await CreateToAsync(two, "1.2.0", "--delta-from", "latest")).ExitCode);
    }

    private async Task<Appliancectl.Outcome> CreateToAsync(string bundle, string version, params string[] more)
    {
        // One image at a time: two of one name would be refused.
        if (Directory.Exists(scratch["images"]))
            Directory.Delete(scratch["images"], recursive: true);
        text = version;
        return await CreateAsync(
            Compose.Replace("1.0.0", version, StringComparison.Ordinal),
            [],
            ["--to", bundle, .. more]
        );
    }

    private Task<Appliancectl.Outcome> CreateAsync() => CreateAsync(Compose, []);

    private async Task<Appliancectl.Outcome> CreateAsync(
        string compose,
        (string Name, string? Value)[] environment,
        params string[] more
    )
    {
        await File.WriteAllTextAsync(scratch["compose.yaml"], compose);
        Archive("demo/web:1");
        return await Appliancectl.RunWithAsync(
            [("APPLIANCE_SIGNING_PASSPHRASE", Signer.Passphrase), .. environment],
            [
                .. (string[])["bundle", "create", "--repository", signer.Folder, "--compose", scratch["compose.yaml"]],
                .. (string[])["--images", scratch["images"]],
                .. more.Contains("--to") ? more : ["--to", Bundle, .. more],
            ]
        );
    }

    private static Task<Appliancectl.Outcome> RunAsync(params string[] arguments) =>
        Appliancectl.RunAsync("/nonexistent", arguments);

    // As `docker save` writes it.
    private void Archive(string reference)
    {
        var layer = Tar(("data", padding), ("etc/name", Encoding.UTF8.GetBytes(reference + text)));
        var config = Encoding.UTF8.GetBytes(
            $$$"""{"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:{{{Hex(layer)}}}"]}}"""
        );
        var manifest = $$"""[{"Config":"c.json","RepoTags":["{{reference}}"],"Layers":["l/layer.tar"]}]""";
        Directory.CreateDirectory(scratch["images"]);
        File.WriteAllBytes(
            Path.Combine(scratch["images"], $"{Hex(config)}.tar"),
            Tar(("l/layer.tar", layer), ("c.json", config), ("manifest.json", Encoding.UTF8.GetBytes(manifest)))
        );
    }

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static byte[] Tar(params (string Name, byte[] Content)[] files)
    {
        var stream = new MemoryStream();
        using (var tar = new TarWriter(stream, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var (name, content) in files)
                tar.WriteEntry(
                    new UstarTarEntry(TarEntryType.RegularFile, name)
                    {
                        DataStream = new MemoryStream(content),
                        ModificationTime = DateTimeOffset.UnixEpoch,
                    }
                );
        }
        return stream.ToArray();
    }

    /// <summary>Keys for all tests: making them takes its time.</summary>
    public sealed class Signer : IAsyncLifetime
    {
        public const string Passphrase = "a passphrase of tests";

        private readonly ScratchFolder scratch = new();

        public string Folder => scratch["signer"];

        public string Root => Path.Combine(Folder, "metadata/1.root.json");

        public async ValueTask InitializeAsync()
        {
            var made = await Appliancectl.RunWithAsync(
                [("APPLIANCE_SIGNING_PASSPHRASE", Passphrase)],
                "bundle",
                "keys",
                "init",
                Folder,
                "--product",
                "demo"
            );
            Assert.Equal(0, made.ExitCode);
        }

        public ValueTask DisposeAsync()
        {
            scratch.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
