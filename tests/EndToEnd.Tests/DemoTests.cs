using System.Security.Cryptography;

namespace Appliance.EndToEnd;

public sealed class DemoTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_same_version_is_built_to_the_same_bytes_and_another_differs()
    {
        var folder = Directory.CreateTempSubdirectory("demo-");
        try
        {
            var first = await BuildAsync("1.0.0", Path.Combine(folder.FullName, "first"));
            var again = await BuildAsync("1.0.0", Path.Combine(folder.FullName, "again"));
            var other = await BuildAsync("2.0.0", Path.Combine(folder.FullName, "other"));

            Assert.Equal(["compose.yaml", "images/counter.tar", "images/web.tar"], first.Keys);
            Assert.Equal(first, again);
            // The counter has a version of its own, so that an upgrade leaves it alone.
            Assert.Equal(["images/counter.tar"], first.Intersect(other).Select(file => file.Key));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_demo_lints_without_a_word()
    {
        var linted = await Command.RunAsync(
            Path.Combine(DevelopmentRun.Root, "artifacts/bin/appliancectl"),
            ["bundle", "lint", Path.Combine(DevelopmentRun.Root, "appliance/demo/compose.yaml")],
            new Dictionary<string, string?>(),
            Cancelled
        );
        Assert.Empty(linted.Succeeded().Errors);
    }

    [Fact]
    public async Task A_version_that_cannot_be_a_tag_is_refused()
    {
        var built = await RunAsync("not a tag", "/nonexistent");
        Assert.NotEqual(0, built.ExitCode);
        Assert.Contains("'not a tag'", built.Errors, StringComparison.Ordinal);
    }

    private static async Task<SortedDictionary<string, string>> BuildAsync(string version, string folder)
    {
        (await RunAsync(version, folder)).Succeeded();
        return new(
            Directory
                .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .ToDictionary(
                    file => Path.GetRelativePath(folder, file),
                    file => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))
                ),
            StringComparer.Ordinal
        );
    }

    private static Task<Command> RunAsync(string version, string folder) =>
        Command.RunAsync(
            Path.Combine(DevelopmentRun.Root, "appliance/demo/build.sh"),
            [version, folder],
            new Dictionary<string, string?>(),
            Cancelled
        );
}
