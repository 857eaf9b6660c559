using System.Formats.Tar;
using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What is not a release for this appliance is refused with the reason, and leaves nothing but the record of it.</summary>
public sealed class RefusedBundleTests(RefusedBundleTests.Common on, SharedEngine shared)
    : IClassFixture<RefusedBundleTests.Common>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>An agent that runs 1.0.0, and a bundle of 2.0.0 that nothing is wrong with.</summary>
    public sealed class Common(SharedEngine engine) : IAsyncLifetime
    {
        internal RealAgent Agent { get; } = RealAgent.On(engine.Engine);

        public string Installed { get; private set; } = "";

        public string Next { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            await Agent.StartAsync();
            Installed = await Agent.BundleAsync("1.0.0", TwoServices.Of("1.0.0"));
            Next = await Agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));
            Assert.Equal(OperationState.Done, (await Agent.UpgradeAsync(Installed)).State);
        }

        public ValueTask DisposeAsync() => Agent.DisposeAsync();
    }

    private RealAgent Agent => on.Agent;

    [Theory]
    [InlineData("metadata/1.root.json", "1.root.json")]
    [InlineData("metadata/timestamp.json", "timestamp.json")]
    [InlineData("metadata/2.snapshot.json", "2.snapshot.json")]
    [InlineData("metadata/2.targets.json", "2.targets.json")]
    [InlineData("targets/", "targets/")]
    [InlineData("oci-layout", "oci-layout")]
    [InlineData("index.json", "index.json")]
    [InlineData("blobs/", "the release's index must be sha256:")]
    public async Task One_bit_that_is_not_as_it_was_signed_is_enough(string entry, string where)
    {
        var bundle = await File.ReadAllBytesAsync(on.Next, Ct);
        var (offset, length) = Find(bundle, entry);
        // Towards its end: what is signed of a file of metadata follows its signatures.
        bundle[offset + length - 10] ^= 1;
        await IsRefusedAsync(Agent, await WriteAsync(bundle), where);
    }

    [Fact]
    public async Task One_bit_of_a_layer_is_enough()
    {
        var bundle = await File.ReadAllBytesAsync(on.Next, Ct);
        bundle[bundle.Length * 3 / 4] ^= 1;
        await IsRefusedAsync(Agent, await WriteAsync(bundle), "must be sha256:");
    }

    [Fact]
    public async Task Nothing_is_hidden_between_what_is_signed()
    {
        var bundle = await File.ReadAllBytesAsync(on.Next, Ct);
        var (offset, length) = Find(bundle, "oci-layout");
        bundle[offset + length] = 1;
        await IsRefusedAsync(Agent, await WriteAsync(bundle), "oci-layout");
    }

    [Fact]
    public async Task Half_a_bundle_is_none()
    {
        var bundle = await File.ReadAllBytesAsync(on.Next, Ct);
        await IsRefusedAsync(Agent, await WriteAsync(bundle[..(bundle.Length / 2)]), "the file ends within");
    }

    [Theory]
    [InlineData(0, "the file is empty")]
    [InlineData(5000, "it does not begin as a tar does")]
    public async Task What_is_no_bundle_is_told_apart(int size, string why) =>
        await IsRefusedAsync(Agent, await WriteAsync(new byte[size]), why);

    [Fact]
    public async Task Another_signers_bundle_is_refused()
    {
        using var stranger = new TestSigner(Agent.Project);
        var bundle = await Agent.BundleAsync(stranger, "2.0.0", TwoServices.Of("2.0.0"));
        await IsRefusedAsync(Agent, bundle, "1.root.json");
    }

    [Fact]
    public async Task What_has_expired_is_taken_only_from_who_says_so()
    {
        Agent.Signer.Expires = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var bundle = await Agent.BundleAsync("2.1.0", TwoServices.Of("2.1.0"));
        Agent.Signer.Expires = new DateTimeOffset(2999, 1, 1, 0, 0, 0, TimeSpan.Zero);

        await IsRefusedAsync(Agent, bundle, "expired");
        Assert.Equal("2.1.0", (await Agent.StageAsync(bundle, acceptExpired: true)).Version);
    }

    [Fact]
    public async Task Another_product_of_the_same_signer_is_refused()
    {
        Agent.Signer.Product = "other";
        var bundle = await Agent.BundleAsync("2.2.0", TwoServices.Of("2.2.0"));
        Agent.Signer.Product = Agent.Project;
        await IsRefusedAsync(Agent, bundle, $"a release of other; this appliance runs {Agent.Project}");
    }

    [Fact]
    public async Task What_is_older_than_what_has_run_is_refused() =>
        await IsRefusedAsync(
            Agent,
            await Agent.BundleAsync("0.9.0", TwoServices.Of("0.9.0")),
            "version 0.9.0 is lower than 1.0.0"
        );

    [Fact]
    public async Task What_is_installed_is_refused() =>
        await IsRefusedAsync(Agent, on.Installed, "1.0.0 is installed already");

    [Fact]
    public async Task A_release_says_what_it_may_follow()
    {
        var staged = await Agent.StageAsync(
            await Agent.BundleAsync(Agent.Signer, "3.0.0", TwoServices.Of("3.0.0"), ">=2.0.0 <3.0.0")
        );

        var end = await Agent.StartUpgradeAsync(staged.Digest);

        const string why = "may be upgraded to from >=2.0.0 <3.0.0, and 1.0.0 is installed";
        Assert.Contains(why, staged.Plan.Findings.Single(f => f.Refuses).Sentence, StringComparison.Ordinal);
        Assert.Equal(OperationState.Refused, end.State);
        Assert.Contains(why, end.Reason, StringComparison.Ordinal);
        Assert.Equal("1.0.0", await Agent.VersionAsync());
    }

    [Fact]
    public async Task After_all_this_a_bundle_that_nothing_is_wrong_with_is_taken()
    {
        await IsRefusedAsync(Agent, await WriteAsync([]), "the file is empty");
        Assert.Equal("2.0.0", (await Agent.StageAsync(on.Next)).Version);
    }

    [Fact]
    public async Task Without_a_root_nothing_is_trusted()
    {
        await using var agent = RealAgent.On(shared.Engine);
        agent.Environment["APPLIANCE__TRUST__ROOT"] = null;
        await agent.StartAsync();
        var bundle = await agent.BundleAsync("1.0.0", TwoServices.Of("1.0.0"));
        await IsRefusedAsync(agent, bundle, "no root of trust is pinned");
    }

    [Fact]
    public async Task A_root_that_disagrees_with_what_is_trusted_is_not_passed_over()
    {
        await using var agent = RealAgent.On(shared.Engine);
        using var stranger = new TestSigner(agent.Project);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        agent.Environment["APPLIANCE__TRUST__ROOT"] = stranger.RootFile;
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);

        var ours = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));
        var theirs = await agent.BundleAsync(stranger, "2.0.0", TwoServices.Of("2.0.0"));
        await IsRefusedAsync(agent, ours, "does not agree with the root that this appliance trusts");
        await IsRefusedAsync(agent, theirs, "is another root 1 than the one that is trusted");
    }

    [Fact]
    public async Task New_keys_count_from_the_first_bundle_that_brings_them_even_if_it_is_refused()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        var before = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));
        Assert.Equal("2.0.0", (await agent.StageAsync(before)).Version);

        agent.Signer.Rotate();
        var tooOld = await agent.BundleAsync("0.9.0", TwoServices.Of("0.9.0"));
        var after = await agent.BundleAsync("2.1.0", TwoServices.Of("2.1.0"));
        await IsRefusedAsync(agent, tooOld, "0.9.0 is lower than 1.0.0");

        await IsRefusedAsync(agent, before, "timestamp.json");
        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(after)).State);
    }

    private static async Task IsRefusedAsync(RealAgent agent, string bundle, string why)
    {
        var last = await agent.LastEventAsync();
        var before = await TracesAsync(agent);

        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(bundle));

        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Contains(why, refused.Status.Detail, StringComparison.Ordinal);
        var told = await agent.EventAsync("bundle.refused", last);
        Assert.Contains(refused.Status.Detail, told.Found, StringComparison.Ordinal);
        Assert.Contains(refused.Status.Detail, await LastAuditAsync(agent), StringComparison.Ordinal);
        // What waited before is given up by the attempt, and so may have gone.
        Assert.Subset(before, await TracesAsync(agent));
    }

    /// <summary>What is stored, and what runs.</summary>
    private static async Task<SortedSet<string>> TracesAsync(RealAgent agent)
    {
        string[] folders = [Path.Combine(agent.Data, "content"), Path.Combine(agent.Data, "releases")];
        var files = folders
            .Where(Directory.Exists)
            .SelectMany(f => Directory.EnumerateFiles(f, "*", SearchOption.AllDirectories));
        var containers = (await agent.ContainersAsync()).Select(c => $"{c.Id} {c.State}");
        return [.. files, .. containers, await agent.VersionAsync()];
    }

    private static async Task<string> LastAuditAsync(RealAgent agent)
    {
        using var call = agent.Audit.ListAudit(new ListAuditRequest { Tail = 1 }, cancellationToken: Ct);
        Assert.True(await call.ResponseStream.MoveNext(Ct));
        var record = call.ResponseStream.Current;
        Assert.Equal(("/appliance.v1.UpdatesService/StageBundle", "failed"), (record.Method, record.Outcome));
        return record.Detail;
    }

    private async Task<string> WriteAsync(byte[] bundle)
    {
        var path = Path.Combine(Path.GetDirectoryName(on.Next)!, "forged.bundle");
        await File.WriteAllBytesAsync(path, bundle, Ct);
        return path;
    }

    /// <summary>Where the content of the first entry is whose name begins so.</summary>
    private static (int Offset, int Length) Find(byte[] bundle, string name)
    {
        using var tar = new TarReader(new MemoryStream(bundle));
        while (tar.GetNextEntry() is { } entry)
        {
            if (entry.Name.StartsWith(name, StringComparison.Ordinal))
                return ((int)entry.DataOffset, (int)entry.Length);
        }
        throw new ArgumentException($"the bundle has no {name}");
    }
}
