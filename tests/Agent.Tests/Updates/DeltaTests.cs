using System.Security.Cryptography;
using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>Upgrades by bundles that have deltas in the place of layers.</summary>
public sealed class DeltaTests(SharedEngine shared)
{
    // Nothing compresses it: only a delta can be small.
    private static readonly string Data = Convert.ToBase64String(RandomNumberGenerator.GetBytes(300_000));

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_made_of_deltas_is_run_rolled_back_to_and_made_into_the_next()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        await InstallAsync(agent);
        var two = await BundlesAsync(agent, "2.0.0", "1.0.0");
        Assert.InRange(new FileInfo(two.Small).Length, 1, new FileInfo(two.Whole).Length / 5);

        var staged = await agent.StageAsync(two.Small);
        TakesNothing(staged.Plan);
        Assert.Equal(OperationState.Done, (await agent.StartUpgradeAsync(staged.Digest)).State);
        await RunsAsync(agent, "2.0.0");
        var drills = await agent.Drills.ListDisastersAsync(new ListDisastersRequest(), cancellationToken: Ct);
        Assert.Equal("", drills.Disasters.Single(d => d.Name == "corrupt-image").WhyNot);
        var three = await BundlesAsync(agent, "3.0.0", "2.0.0");
        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(three.Small)).State);
        await RunsAsync(agent, "3.0.0");
        TakesNothing(await agent.Updates.PlanRollbackAsync(new PlanRollbackRequest(), cancellationToken: Ct));

        // The engine has lost what only the store can give back, and that as a delta has left it.
        await agent.Engine.Images.RemoveAsync(ImageOf(agent, "2.0.0").Id, force: true, Ct);
        Assert.Equal(OperationState.Done, (await agent.RollBackAsync()).State);
        await RunsAsync(agent, "2.0.0");
        await NothingIsLeftAsync(agent);
    }

    [Fact]
    public async Task It_is_refused_where_the_release_before_is_another_and_the_whole_bundle_is_taken()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        await agent.BundleAsync("1.0.0", Saying(agent, "1.0.0"), ImageOf(agent, "1.0.0"));
        var two = await BundlesAsync(agent, "2.0.0", "1.0.0");

        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(two.Small));
        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
        Assert.Contains($"for appliances with {agent.Project} 1.0.0", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("send the whole bundle", refused.Status.Detail, StringComparison.Ordinal);
        await agent.EventAsync("bundle.refused");
        Assert.Equal("", await agent.VersionAsync());

        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(two.Whole)).State);
        await RunsAsync(agent, "2.0.0");
    }

    [Fact]
    public async Task A_delta_that_was_damaged_on_the_way_is_refused_before_it_is_applied()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        await InstallAsync(agent);
        var two = await BundlesAsync(agent, "2.0.0", "1.0.0");
        var bytes = await File.ReadAllBytesAsync(two.Small, Ct);
        // VCDIFF begins with the letters V, C and D with their highest bits set.
        var at = bytes.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xd6, 0xc3, 0xc4]);
        bytes[at + 20] ^= 1;
        var damaged = two.Small + ".damaged";
        await File.WriteAllBytesAsync(damaged, bytes, Ct);

        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(damaged));
        Assert.Contains("a delta for a layer of", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("the file was changed or damaged", refused.Status.Detail, StringComparison.Ordinal);

        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(two.Small)).State);
        await RunsAsync(agent, "2.0.0");
    }

    [Fact]
    public async Task An_agent_that_is_killed_while_a_delta_is_applied_takes_the_same_bundle_again()
    {
        await using var agent = await RealAgent.StartEmptyAsync(shared.Engine);
        await InstallAsync(agent);
        var two = await BundlesAsync(agent, "2.0.0", "1.0.0");
        await agent.StopAsync();

        // Gives a little now and then, and never ends but for want of a reader.
        using var programs = new ScratchFolder();
        await File.WriteAllTextAsync(programs["xdelta3"], "#!/bin/sh\nwhile echo more; do sleep 1; done\n", Ct);
        File.SetUnixFileMode(programs["xdelta3"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        agent.Environment["PATH"] = $"{programs.Path}:{System.Environment.GetEnvironmentVariable("PATH")}";
        await agent.StartAsync();
        var staging = agent.StageAsync(two.Small);
        await Eventually.TrueAsync("the delta is being applied", _ => Task.FromResult(Incoming(agent).Length > 0), Ct);
        await agent.KillAsync();
        await Assert.ThrowsAsync<RpcException>(() => staging);

        agent.Environment.Remove("PATH");
        await agent.StartAsync();
        Assert.Empty(Incoming(agent));
        await RunsAsync(agent, "1.0.0");
        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(two.Small)).State);
        await RunsAsync(agent, "2.0.0");
    }

    [Fact]
    public async Task Without_the_program_the_refusal_says_what_to_install()
    {
        await using var agent = RealAgent.On(shared.Engine);
        agent.Environment["PATH"] = "/nonexistent";
        await agent.StartAsync();
        await InstallAsync(agent);
        var two = await BundlesAsync(agent, "2.0.0", "1.0.0");

        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(two.Small));
        Assert.Contains("install the package xdelta3", refused.Status.Detail, StringComparison.Ordinal);
    }

    /// <summary>Of what is stored already, though as another file than a whole bundle leaves.</summary>
    private static void TakesNothing(UpdatePlan plan)
    {
        Assert.Equal(0, plan.Space.Content);
        Assert.DoesNotContain(plan.Findings, f => f.Refuses);
    }

    private static async Task InstallAsync(RealAgent agent)
    {
        var one = await agent.BundleAsync("1.0.0", Saying(agent, "1.0.0"), ImageOf(agent, "1.0.0"));
        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(one)).State);
        await RunsAsync(agent, "1.0.0");
    }

    private static Task<(string Whole, string Small)> BundlesAsync(RealAgent agent, string version, string from) =>
        agent.BundlesAsync(version, Saying(agent, version), from, ImageOf(agent, version));

    private static BusyboxImage ImageOf(RealAgent agent, string version) =>
        BusyboxImage.Build(
            new ImageRecipe
            {
                Reference = Reference(agent, version),
                // What a delta leaves is another file then than what a whole bundle has.
                IsGzip = true,
                Files = new Dictionary<string, string> { ["data"] = Data, ["www/index.html"] = version },
            }
        );

    private static string Reference(RealAgent agent, string version) => $"appliance-test/{agent.Project}:{version}";

    private static string Saying(RealAgent agent, string version) =>
        $$$"""
            services:
              web:
                image: {{{Reference(agent, version)}}}
                command: [sleep, "1000000"]
                stop_signal: SIGKILL
                deploy: {update_config: {monitor: 100ms}}
            """;

    private static async Task RunsAsync(RealAgent agent, string version)
    {
        Assert.Equal(version, await agent.VersionAsync());
        Assert.Equal(version, await agent.SaysAsync("web"));
    }

    private static string[] Incoming(RealAgent agent) =>
        Directory.GetFiles(Directory.CreateDirectory(Path.Combine(agent.Data, "content/incoming")).FullName);

    /// <summary>Of deltas that were applied, and of what they were applied to.</summary>
    private static Task NothingIsLeftAsync(RealAgent agent) =>
        Eventually.TrueAsync(
            "what is not needed is given back",
            _ =>
                Task.FromResult(
                    Incoming(agent).Length == 0
                        && Directory
                            .EnumerateFiles(Path.Combine(agent.Data, "content/blobs/sha256"))
                            .All(f => !IsDelta(f))
                ),
            Ct
        );

    private static bool IsDelta(string path)
    {
        using var file = File.OpenRead(path);
        return file.ReadByte() == 0xd6 && file.ReadByte() == 0xc3;
    }
}
