using Appliance.Testing;
using Appliance.Tuf;

namespace Tuf.Tests.Client;

public sealed class TufClientTests : IDisposable
{
    private readonly ScratchFolder scratch = new();
    private readonly Repository repository = new();
    private readonly Server server = new();
    private readonly ManualClock clock = new(Repository.Now);
    private readonly FileMetadataStore store;
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public TufClientTests()
    {
        Directory.CreateDirectory(scratch["metadata"]);
        Directory.CreateDirectory(scratch["targets"]);
        store = new(scratch["metadata"]);
    }

    public void Dispose()
    {
        repository.Dispose();
        scratch.Dispose();
    }

    [Fact]
    public async Task A_first_refresh_asks_for_four_files_and_keeps_them_as_received()
    {
        await TrustAndPublishAsync();

        await Client.RefreshAsync(stop);

        Assert.Equal(["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"], server.TakeRequests());
        foreach (var role in (string[])["timestamp", "snapshot", "targets"])
        {
            var name = role == "timestamp" ? "timestamp.json" : $"1.{role}.json";
            Assert.True((await KeptAsync(role)).AsSpan().SequenceEqual(server.Files[name].Span));
        }
    }

    [Fact]
    public async Task A_refresh_without_news_asks_for_two()
    {
        await TrustAndPublishAsync();
        await Client.RefreshAsync(stop);
        server.TakeRequests();

        await Client.RefreshAsync(stop);

        Assert.Equal(["2.root.json", "timestamp.json"], server.TakeRequests());
    }

    [Fact]
    public async Task An_untrusted_root_in_the_store_asks_for_nothing()
    {
        await TrustAndPublishAsync();
        var root = (await KeptAsync("root"))!;
        root[^10] ^= 1;
        await store.WriteAsync("root", root, stop);

        await Assert.ThrowsAsync<TufException>(() => Client.RefreshAsync(stop));

        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Without_a_root_nothing_is_asked() => await RefusesAsync(TufFault.NotFound);

    [Fact]
    public async Task Roots_are_followed_and_each_is_kept_before_the_next_is_judged()
    {
        await TufClient.TrustAsync(store, repository.FirstRoot, stop);
        repository.Rotate(RoleNames.Root);
        var second = repository.AddRoot();
        repository.Rotate(RoleNames.Root);
        repository.AddRoot(signers: repository.KeysOf(RoleNames.Root));
        server.Publish(repository);

        await RefusesAsync(TufFault.Signature);

        Assert.True((await KeptAsync("root")).AsSpan().SequenceEqual(second.Span));
        Assert.Equal(["2.root.json", "3.root.json"], server.TakeRequests());
    }

    [Fact]
    public async Task An_expired_root_is_kept_and_ends_the_refresh_unless_a_newer_one_follows()
    {
        await TufClient.TrustAsync(store, repository.FirstRoot, stop);
        repository.Root = repository.Root with { Expires = Repository.Now };
        var expired = repository.AddRoot();
        server.Publish(repository);

        await RefusesAsync(TufFault.Expired);
        Assert.True((await KeptAsync("root")).AsSpan().SequenceEqual(expired.Span));

        repository.Root = repository.Root with { Expires = Repository.Now.AddDays(1) };
        repository.AddRoot();
        server.Publish(repository);
        await Client.RefreshAsync(stop);
    }

    [Fact]
    public async Task A_lower_timestamp_is_refused_and_the_stored_one_stays()
    {
        await TrustAndPublishAsync();
        repository.Versions[RoleNames.Timestamp] = 2;
        server.Publish(repository);
        await Client.RefreshAsync(stop);
        var kept = await KeptAsync("timestamp");

        repository.Versions[RoleNames.Timestamp] = 1;
        server.Publish(repository);
        await RefusesAsync(TufFault.Rollback);

        Assert.Equal(kept, await KeptAsync("timestamp"));
    }

    [Fact]
    public async Task Another_timestamp_of_the_same_version_is_passed_over()
    {
        await TrustAndPublishAsync();
        await Client.RefreshAsync(stop);
        var kept = await KeptAsync("timestamp");
        server.TakeRequests();

        repository.Versions[RoleNames.Snapshot] = 2;
        server.Publish(repository);
        await Client.RefreshAsync(stop);

        Assert.Equal(["2.root.json", "timestamp.json"], server.TakeRequests());
        Assert.Equal(kept, await KeptAsync("timestamp"));
    }

    [Theory]
    [InlineData(RoleNames.Timestamp)]
    [InlineData(RoleNames.Snapshot)]
    [InlineData(RoleNames.Targets)]
    public async Task What_has_expired_is_not_kept_and_what_came_before_it_is(string role)
    {
        await TufClient.TrustAsync(store, repository.FirstRoot, stop);
        repository.Expiries[role] = Repository.Now;
        server.Publish(repository);

        await RefusesAsync(TufFault.Expired);

        string[] order = [RoleNames.Timestamp, RoleNames.Snapshot, RoleNames.Targets];
        foreach (var other in order)
            Assert.Equal(Array.IndexOf(order, other) < Array.IndexOf(order, role), await KeptAsync(other) is not null);
    }

    [Fact]
    public async Task A_stored_timestamp_that_expired_meanwhile_still_forbids_lower_ones()
    {
        repository.Versions[RoleNames.Timestamp] = 2;
        repository.Expiries[RoleNames.Timestamp] = Repository.Now.AddDays(1);
        await TrustAndPublishAsync();
        await Client.RefreshAsync(stop);
        clock.Advance(TimeSpan.FromDays(2));
        repository.Expiries[RoleNames.Timestamp] = Repository.Now.AddDays(10);

        repository.Versions[RoleNames.Timestamp] = 1;
        server.Publish(repository);
        await RefusesAsync(TufFault.Rollback);

        repository.Versions[RoleNames.Timestamp] = 3;
        server.Publish(repository);
        await Client.RefreshAsync(stop);
    }

    [Fact]
    public async Task A_lower_targets_version_or_a_lost_role_in_the_snapshot_is_refused()
    {
        repository.NextVersions();
        repository.MoreInSnapshot["other.json"] = new(1, null, null);
        await TrustAndPublishAsync();
        await Client.RefreshAsync(stop);

        repository.NextVersions();
        repository.MoreInSnapshot.Clear();
        server.Publish(repository);
        await RefusesAsync(TufFault.Rollback);

        repository.MoreInSnapshot["other.json"] = new(1, null, null);
        repository.NextVersions();
        repository.Versions[RoleNames.Targets] = 1;
        server.Publish(repository);
        await RefusesAsync(TufFault.Rollback);
    }

    [Fact]
    public async Task After_a_change_of_keys_lower_versions_are_a_new_beginning()
    {
        repository.NextVersions();
        await TrustAndPublishAsync();
        await Client.RefreshAsync(stop);

        foreach (var role in repository.Versions.Keys)
        {
            repository.Rotate(role);
            repository.Versions[role] = 1;
        }
        repository.AddRoot();
        server.Publish(repository);

        await Client.RefreshAsync(stop);
    }

    [Fact]
    public async Task A_snapshot_that_the_timestamp_does_not_describe_is_refused()
    {
        await TrustAndPublishAsync();
        var targets = repository.SignTargets();
        server.Files["1.snapshot.json"] = repository.SignSnapshot(targets);

        await RefusesAsync(TufFault.Mismatch);

        Assert.Null(await KeptAsync(RoleNames.Snapshot));
        Assert.NotNull(await KeptAsync(RoleNames.Timestamp));
    }

    [Fact]
    public async Task A_file_left_by_a_kill_in_the_middle_of_storing_is_no_metadata()
    {
        await TrustAndPublishAsync();
        await File.WriteAllTextAsync(scratch["metadata/.timestamp.json.part"], "{\"sig", stop);

        await Client.RefreshAsync(stop);

        Assert.Equal(4, Directory.GetFiles(scratch["metadata"]).Length);
    }

    [Fact]
    public async Task A_damaged_file_in_the_store_is_fetched_again()
    {
        await TrustAndPublishAsync();
        await Client.RefreshAsync(stop);
        await File.WriteAllTextAsync(scratch["metadata/1"], "", stop);
        foreach (var role in (string[])["timestamp", "snapshot", "targets"])
            await store.WriteAsync(role, "{}"u8.ToArray(), stop);

        await Client.RefreshAsync(stop);

        Assert.True((await KeptAsync("timestamp")).AsSpan().SequenceEqual(server.Files["timestamp.json"].Span));
    }

    [Fact]
    public async Task A_target_is_fetched_once_verified_and_kept()
    {
        Offer("dir/app.json", "one"u8);
        await TrustAndPublishAsync();

        var file = await DownloadAsync("dir/app.json");
        var written = File.GetLastWriteTimeUtc(file);
        server.TakeRequests();
        Assert.Equal(file, await DownloadAsync("dir/app.json"));

        Assert.Equal("one", await File.ReadAllTextAsync(file, stop));
        Assert.Equal("dir%2Fapp.json", Path.GetFileName(file));
        Assert.Equal(written, File.GetLastWriteTimeUtc(file));
        Assert.Equal(["2.root.json", "timestamp.json"], server.TakeRequests());
    }

    [Theory]
    [InlineData("oen")]
    [InlineData("one and more")]
    [InlineData("on")]
    public async Task A_target_that_is_something_else_leaves_the_old_one(string served)
    {
        Offer("app.json", "one"u8);
        await TrustAndPublishAsync();
        var file = await DownloadAsync("app.json");
        await File.WriteAllTextAsync(file, "old", stop);
        server.Files[NameOf("app.json", "one"u8)] = System.Text.Encoding.UTF8.GetBytes(served);

        var refusal = await Assert.ThrowsAsync<TufException>(() => DownloadAsync("app.json"));

        Assert.Equal(TufFault.Mismatch, refusal.Fault);
        Assert.Equal("old", await File.ReadAllTextAsync(file, stop));
        Assert.Single(Directory.GetFiles(scratch["targets"]));
    }

    [Fact]
    public async Task A_hash_of_an_unknown_kind_is_refused_without_a_request()
    {
        repository.Targets["app.json"] = new(3, new Dictionary<string, string> { ["md5"] = "00" });
        await TrustAndPublishAsync();

        var refusal = await Assert.ThrowsAsync<TufException>(() => DownloadAsync("app.json"));

        Assert.Contains("md5", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Requests, r => r.Contains("app.json", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Every_hash_that_is_listed_counts()
    {
        Offer("app.json", "one"u8);
        repository.Targets["app.json"] = new(
            3,
            new Dictionary<string, string>(repository.Targets["app.json"].Hashes) { ["sha512"] = new('0', 128) }
        );
        await TrustAndPublishAsync();

        await Assert.ThrowsAsync<TufException>(() => DownloadAsync("app.json"));
    }

    [Theory]
    [InlineData("../app.json")]
    [InlineData("/app.json")]
    [InlineData("..")]
    [InlineData("a/./b")]
    public async Task A_path_that_leads_elsewhere_is_refused(string path)
    {
        Offer(path, "one"u8);
        await TrustAndPublishAsync();

        var refusal = await Assert.ThrowsAsync<TufException>(() => DownloadAsync(path));

        Assert.Equal(TufFault.Malformed, refusal.Fault);
    }

    [Fact]
    public async Task What_nobody_signs_for_is_not_found()
    {
        await TrustAndPublishAsync();

        var refusal = await Assert.ThrowsAsync<TufException>(() => DownloadAsync("app.json"));

        Assert.Equal(TufFault.NotFound, refusal.Fault);
    }

    private TufClient Client => new(store, server, clock);

    private async Task TrustAndPublishAsync()
    {
        await TufClient.TrustAsync(store, repository.FirstRoot, stop);
        server.Publish(repository);
    }

    private void Offer(string path, ReadOnlySpan<byte> bytes)
    {
        repository.Targets[path] = TargetFile.Of(bytes);
        server.Files[NameOf(path, bytes)] = bytes.ToArray();
    }

    private static string NameOf(string path, ReadOnlySpan<byte> bytes)
    {
        var slash = path.LastIndexOf('/') + 1;
        return $"{path[..slash]}{TargetFile.Of(bytes).Hashes["sha256"]}.{path[slash..]}";
    }

    private Task<string> DownloadAsync(string path) => Client.DownloadAsync(path, server, scratch["targets"], stop);

    private async Task<byte[]?> KeptAsync(string role) => (await store.ReadAsync(role, stop))?.ToArray();

    private async Task RefusesAsync(TufFault fault) =>
        Assert.Equal(fault, (await Assert.ThrowsAsync<TufException>(() => Client.RefreshAsync(stop))).Fault);
}
