using Appliance.Bundles.Compose;

namespace Appliance.Bundles.Tests.Compose;

/// <summary>Whole files in the style of those that projects publish, each with what is to be said about it.</summary>
public sealed class WildFileTests
{
    public static TheoryData<string> Folders =>
        [
            .. Directory
                .GetDirectories(Path.Combine(AppContext.BaseDirectory, "wild"))
                .Select(d => Path.GetFileName(d)!)
                .Order(),
        ];

    [Fact]
    public void There_are_twenty_one_of_them() => Assert.Equal(21, Folders.Count);

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task A_file_from_the_wild_lints_as_expected(string folder)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "wild", folder);
        var result = await ComposeLoader.LoadAsync(
            Path.Combine(path, "compose.yaml"),
            ComposeOptions.Default,
            TestContext.Current.CancellationToken
        );

        var actual = result.Diagnostics.Select(d => $"{d}");
        if (result.Model is { } model)
        {
            actual = actual.Append("valid");
            RoundTrip.Check(model, path);
        }

        var expected = await File.ReadAllTextAsync(
            Path.Combine(path, "expected.txt"),
            TestContext.Current.CancellationToken
        );
        Assert.Equal(expected, string.Concat(actual.Select(l => l + "\n")));
    }

    // What is signed was made of these bytes: a new version of the reader must print them for an old file as it did before.
    [Theory]
    [MemberData(nameof(Folders))]
    public async Task The_canonical_form_of_a_file_stays_as_it_was(string folder)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "wild", folder);
        var result = await ComposeLoader.LoadAsync(
            Path.Combine(path, "compose.yaml"),
            ComposeOptions.Default,
            TestContext.Current.CancellationToken
        );

        var canonical = Path.Combine(path, "canonical.yaml");
        Assert.Equal(result.Model is not null, File.Exists(canonical));
        if (result.Model is { } model)
            Assert.Equal(
                await File.ReadAllTextAsync(canonical, TestContext.Current.CancellationToken),
                ComposeText.ToYaml(model)
            );
    }
}
