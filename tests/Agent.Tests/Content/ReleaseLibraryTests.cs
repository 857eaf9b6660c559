using Appliance.Agent.Content;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Tests.Content;

public sealed class ReleaseLibraryTests : IDisposable
{
    private const string Compose = """
        name: demo
        x-appliance: {version: "1.0.0"}
        services:
          web:
            image: "demo/web:${TAG}"
            environment: {PORT: "${PORT:-80}"}
            configs: [settings]
        configs:
          settings: {file: conf/settings.ini}
        """;

    private static readonly (string, string)[] Files = [(".env", "TAG=1"), ("conf/settings.ini", "a = b")];
    private static readonly Blob Config = ScratchContent.BlobOf([7]);

    private readonly ScratchContent content = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => content.Dispose();

    [Fact]
    public async Task A_release_s_files_are_put_in_place_and_its_images_found_by_reference()
    {
        var stored = await StoredAsync();
        var release = await content.OpenAsync(stored);

        Assert.Equal(
            (stored.Descriptor.Index.Digest, "demo", "1.0.0"),
            (release.Digest, release.Product, release.Version)
        );
        Assert.Equal(Config, release.Images["demo/web:1"].Config);
        Assert.Equal("80", release.Model.Services["web"].Environment["PORT"]);
        Assert.Equal("a = b", await File.ReadAllTextAsync(Path.Combine(release.Folder, "conf/settings.ini"), Ct));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            File.GetUnixFileMode(release.Folder)
        );
    }

    [Fact]
    public async Task The_appliance_s_own_variables_win()
    {
        content.Application.Variables["PORT"] = "8080";
        var release = await content.OpenAsync(await StoredAsync());
        Assert.Equal("8080", release.Model.Services["web"].Environment["PORT"]);
    }

    [Fact]
    public async Task A_variable_of_the_appliance_cannot_bring_in_an_image_that_was_not_signed()
    {
        content.Application.Variables["TAG"] = "evil";
        var refused = Assert.IsType<ReleaseReading.Refused>(await content.Library.OpenAsync(await StoredAsync(), Ct));
        Assert.Contains("services.web.image: the release has no image demo/web:evil", Assert.Single(refused.Reasons));
    }

    [Fact]
    public async Task What_was_changed_or_lost_or_slipped_in_is_put_right_at_each_opening()
    {
        var stored = await StoredAsync();
        var release = await content.OpenAsync(stored);
        await File.WriteAllTextAsync(Path.Combine(release.Folder, ".env"), "TAG=2", Ct);
        await File.WriteAllTextAsync(Path.Combine(release.Folder, "stray"), "x", Ct);
        Directory.Delete(Path.Combine(release.Folder, "conf"), recursive: true);

        Assert.Contains("demo/web:1", (await content.OpenAsync(stored)).Images.Keys);
        Assert.Equal(
            [".env", "compose.yaml", "settings.ini"],
            Directory
                .GetFiles(release.Folder, "*", SearchOption.AllDirectories)
                .Select(Path.GetFileName)
                .Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task What_an_agent_that_was_killed_had_begun_is_in_nobody_s_way()
    {
        var stored = await StoredAsync();
        var release = await content.OpenAsync(stored);
        Directory.Move(release.Folder, release.Folder + ".part");

        Assert.Equal(release.Folder, (await content.OpenAsync(stored)).Folder);
        content.Library.Collect(new HashSet<string> { release.Digest });
        Assert.Equal([release.Folder], Directory.GetDirectories(Path.Combine(content.Folder, "releases")));
        content.Library.Collect(new HashSet<string>());
        Assert.False(Directory.Exists(release.Folder));
    }

    [Fact]
    public async Task A_file_that_is_damaged_where_it_is_stored_is_not_put_in_place_and_can_be_sent_again()
    {
        var stored = await StoredAsync();
        var env = stored.Files.Single(f => f.Path == ".env").Blob;
        await File.WriteAllBytesAsync(content.PathOf(env), new byte[env.Size], Ct);

        var e = await Assert.ThrowsAsync<IOException>(() => content.Library.OpenAsync(stored, Ct));

        Assert.Contains(env.Digest, e.Message);
        Assert.False(content.Store.Contains(env));
    }

    [Fact]
    public async Task A_compose_file_of_another_product_or_version_is_refused()
    {
        var stored = await StoredAsync("2.0.0");
        var other = stored with { Document = stored.Document with { Product = "other" } };
        var refused = Assert.IsType<ReleaseReading.Refused>(await content.Library.OpenAsync(other, Ct));
        Assert.Equal(2, refused.Reasons.Count);
    }

    private async Task<ReleaseContent> StoredAsync(string version = "1.0.0")
    {
        await content.StoreAsync([7]);
        return await content.ReleaseAsync(
            Compose,
            [new ReleaseImage("demo/web:1", Config, Config, [])],
            version,
            Files
        );
    }
}
