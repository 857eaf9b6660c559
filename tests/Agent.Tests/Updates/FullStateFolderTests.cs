using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>An agent whose state folder has no room for what is sent.</summary>
public sealed class FullStateFolderTests(SharedEngine shared)
{
    private const int PageSize = 4096;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_does_not_fit_is_refused_and_gives_its_space_back()
    {
        await using var agent = RealAgent.On(shared.Engine);
        using var disk = new SmallDisk(agent.Data, 16 * 1024);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        var big = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0", image: Images.Big.Reference), Images.Big);
        var before = Stored(agent);

        var refused = await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(big));

        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.StartsWith("no space left in", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(before, Stored(agent));
        await agent.RunsWholeAsync("1.0.0");
        var small = await agent.BundleAsync("2.1.0", TwoServices.Of("2.1.0"));
        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(small)).State);
    }

    [Fact]
    public async Task What_waits_gives_its_room_to_what_is_sent_in_its_place()
    {
        await using var agent = RealAgent.On(shared.Engine);
        using var disk = new SmallDisk(agent.Data, 70 * 1024);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        var other = BusyboxImage.Build(
            new ImageRecipe
            {
                Reference = "appliance-test/other:1",
                Files = new Dictionary<string, string> { ["big"] = new('z', 40 * 1024 * 1024) },
            }
        );
        var two = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0", image: Images.Big.Reference), Images.Big);
        var three = await agent.BundleAsync("3.0.0", TwoServices.Of("3.0.0", image: other.Reference), other);

        Assert.InRange((await agent.StageAsync(two)).Plan.BytesToStore, 40 << 20, long.MaxValue);
        // The same again is here already.
        Assert.Equal(0, (await agent.StageAsync(two)).Plan.BytesToStore);
        Assert.InRange((await agent.StageAsync(three)).Plan.BytesToStore, 40 << 20, long.MaxValue);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Wherever_the_space_ends_the_caller_is_told_that_it_does()
    {
        await using var agent = RealAgent.On(shared.Engine);
        agent.ExpectsErrors = true;
        using var disk = new SmallDisk(agent.Data, 16 * 1024);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        var bundle = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));

        var refusals = 0;
        for (var pages = 0; await TryAsync(agent, bundle, disk, pages) is { } refused; pages++)
        {
            refusals++;
            Assert.True(refused.StatusCode is StatusCode.ResourceExhausted, $"with {pages} pages: {refused.Status}");
            Assert.InRange(pages, 0, 100);
        }
        disk.Free();

        Assert.NotEqual(0, refusals);
        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(bundle)).State);
        await agent.RunsWholeAsync("2.0.0");
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task An_update_that_cannot_be_written_down_waits_until_it_can()
    {
        await using var agent = RealAgent.On(shared.Engine);
        agent.ExpectsErrors = true;
        using var disk = new SmallDisk(agent.Data, 16 * 1024);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        var bundle = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        var begun = await agent.UpgradeUntilAsync(bundle, o => o.Phase == "switching");
        await agent.KillAsync();
        disk.Fill();

        await agent.StartAsync();
        await Eventually.TrueAsync(
            "it waits",
            () => agent.Log.Contains($"{begun.Id}: waiting: no space left", StringComparison.Ordinal),
            Ct
        );
        disk.Free();

        Assert.Equal(OperationState.Done, (await agent.EndOfAsync(begun.Id)).State);
        await agent.RunsWholeAsync("2.0.0");
    }

    private static async Task<RpcException?> TryAsync(RealAgent agent, string bundle, SmallDisk disk, int pages)
    {
        disk.Free();
        disk.Fill(leaving: (long)pages * PageSize);
        try
        {
            await agent.StageAsync(bundle);
            return null;
        }
        catch (RpcException e)
        {
            return e;
        }
    }

    private static string[] Stored(RealAgent agent) =>
        [.. Directory.EnumerateFiles(Path.Combine(agent.Data, "content"), "*", SearchOption.AllDirectories).Order()];
}
