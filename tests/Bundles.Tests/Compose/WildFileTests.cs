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
    public void There_are_twenty_of_them() => Assert.Equal(20, Folders.Count);

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
}
