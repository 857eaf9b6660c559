using Appliance.Testing;
using Appliance.Tuf;

namespace Tuf.Tests.Client;

public sealed class DelegationTests : IDisposable
{
    private readonly ScratchFolder scratch = new();
    private readonly Repository repository = new();
    private readonly Server server = new();
    private readonly SigningKey key = SigningKey.Generate();
    private readonly CancellationToken stop = TestContext.Current.CancellationToken;

    public void Dispose()
    {
        key.Dispose();
        repository.Dispose();
        scratch.Dispose();
    }

    /// <summary>Roles as <c>parent: child child</c>; a <c>!</c> ends the search, a pattern follows an <c>=</c>.</summary>
    [Theory]
    [InlineData("A B", "targets: A B")]
    [InlineData("A C D B", "targets: A B", "A: C", "C: D")]
    [InlineData("A C", "targets: A B", "A: C!", "C")]
    [InlineData("A C D", "targets: A B", "A: C! E", "C: D")]
    [InlineData("B", "targets: A=*.zip B", "A: C")]
    [InlineData("A B C D", "targets: A", "A: B", "B: A C", "C: D")]
    [InlineData("A C B", "targets: A B", "A: C", "B: C")]
    public async Task Roles_are_asked_in_order_depth_first_and_once(string order, params string[] graph)
    {
        Delegate(graph);

        Assert.Null(await (await ClientAsync()).FindAsync("file.txt", stop));

        Assert.Equal(order.Split(' ').Select(role => $"1.{role}.json"), server.Requests.Skip(4));
    }

    [Theory]
    [InlineData("*.md", "README.md", true)]
    [InlineData("*.md", "releases/README.md", false)]
    [InlineData("releases/*/*.md", "releases/1/README.md", true)]
    [InlineData("releases/*/*.md", "releases/README.md", false)]
    [InlineData("foo-?.tgz", "foo-1.tgz", true)]
    [InlineData("foo-?.tgz", "foo-alpha.tgz", false)]
    [InlineData("?", "/", false)]
    [InlineData("*.md", "README.MD", false)]
    [InlineData("*a*b", "xaxbxb", true)]
    [InlineData("*a*b", "xaxbxc", false)]
    [InlineData("*", "", true)]
    [InlineData("a*", "b", false)]
    [InlineData("a.c", "abc", false)]
    [InlineData("[ab]", "a", false)]
    public void Patterns_match_whole_paths_segment_by_segment(string pattern, string path, bool matches) =>
        Assert.Equal(matches, TargetPath.Matches(pattern, path));

    [Fact]
    public void A_pattern_of_many_stars_is_matched_in_no_time() =>
        Assert.False(TargetPath.Matches(string.Concat(Enumerable.Repeat("*a", 5000)), new string('a', 9000) + "b"));

    [Fact]
    public void Prefixes_are_those_of_the_hash_of_the_path()
    {
        var role = new DelegatedRole("A", new([], 1), Paths: null, PathHashPrefixes: [], Terminating: false);
        var hash = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("file.txt"u8));

        Assert.True(TargetPath.IsOf(role with { PathHashPrefixes = [hash[..3]] }, "file.txt"));
        Assert.False(TargetPath.IsOf(role with { PathHashPrefixes = [hash[1..4] + "zz"] }, "file.txt"));
    }

    [Fact]
    public async Task A_role_that_the_snapshot_does_not_list_is_not_fetched()
    {
        Delegate(["targets: A"]);
        repository.MoreInSnapshot.Clear();
        server.Publish(repository);
        var client = await ClientAsync();

        await Assert.ThrowsAsync<TufException>(() => client.FindAsync("file.txt", stop));

        Assert.Equal(4, server.Requests.Count);
    }

    [Fact]
    public async Task A_role_is_verified_again_with_the_keys_of_who_delegates_next()
    {
        using var other = SigningKey.Generate();
        Delegate(["targets: A=a.* B=b.*"]);
        PutRole("A", Of(["C"], key), key);
        PutRole("B", Of(["C"], other), key);
        PutRole("C", delegations: null, key);
        server.Publish(repository);
        var client = await ClientAsync();

        Assert.Null(await client.FindAsync("a.txt", stop));
        var refusal = await Assert.ThrowsAsync<TufException>(() => client.FindAsync("b.txt", stop));

        Assert.Equal(TufFault.Signature, refusal.Fault);
    }

    [Theory]
    [InlineData("?")]
    [InlineData("#")]
    [InlineData("/delegatedrole")]
    [InlineData("../delegatedrole")]
    [InlineData("..")]
    public async Task A_roles_name_stays_one_segment_in_requests_and_in_the_store(string name)
    {
        Delegate([$"targets: {name}"]);

        await (await ClientAsync()).FindAsync("file.txt", stop);

        Assert.Equal($"1.{Uri.EscapeDataString(name)}.json", server.Requests[^1]);
        Assert.Equal(5, Directory.GetFiles(scratch.Path).Length);
    }

    [Fact]
    public async Task A_search_ends_after_so_many_roles()
    {
        Delegate([.. Enumerable.Range(0, 40).Select(i => $"{(i == 0 ? "targets" : $"r{i}")}: r{i + 1}")]);
        var client = await ClientAsync();

        await Assert.ThrowsAsync<TufException>(() => client.FindAsync("file.txt", stop));
    }

    private void Delegate(string[] graph)
    {
        var children = graph.ToDictionary(
            line => line.Split(": ")[0],
            line => line.Contains(": ", StringComparison.Ordinal) ? line.Split(": ")[1].Split(' ') : []
        );
        foreach (var name in children.Values.SelectMany(c => c).Concat(children.Keys).Select(NameOf).Distinct())
        {
            var delegations = children.TryGetValue(name, out var below) && below.Length > 0 ? Of(below, key) : null;
            if (name == RoleNames.Targets)
                repository.Delegations = delegations;
            else
                PutRole(name, delegations, key);
        }
        server.Publish(repository);
    }

    private static Delegations Of(string[] children, SigningKey signer) =>
        new(new Dictionary<string, Key> { [signer.KeyId] = signer.Public }, [.. children.Select(c => Role(c, signer))]);

    private static DelegatedRole Role(string text, SigningKey signer) =>
        new(
            NameOf(text),
            new([signer.KeyId], 1),
            [text.Contains('=', StringComparison.Ordinal) ? text.Split('=')[1] : "*"],
            null,
            text.EndsWith('!')
        );

    private static string NameOf(string text) => text.Split('=')[0].TrimEnd('!');

    private void PutRole(string name, Delegations? delegations, SigningKey signer)
    {
        server.Files[$"1.{Uri.EscapeDataString(name)}.json"] = MetadataWriter.Write(
            new TargetsMetadata(1, Repository.Now.AddDays(1), new Dictionary<string, TargetFile>(), delegations),
            [signer]
        );
        repository.MoreInSnapshot[$"{name}.json"] = new(1, null, null);
    }

    private async Task<TufClient> ClientAsync()
    {
        var store = new FileMetadataStore(scratch.Path);
        await TufClient.TrustAsync(store, repository.FirstRoot, stop);
        var client = new TufClient(store, server, new ManualClock(Repository.Now));
        await client.RefreshAsync(stop);
        return client;
    }
}
