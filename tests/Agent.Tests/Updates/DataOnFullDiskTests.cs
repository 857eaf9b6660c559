using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Updates;

/// <summary>Data of which there is no room for a copy.</summary>
public sealed class DataOnFullDiskTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_upgrade_that_cannot_keep_it_is_refused_and_changes_nothing()
    {
        await using var engine = await PrivateEngine.StartSmallAsync(mebibytes: 256, Ct);
        await using var agent = RealAgent.On(engine);
        await agent.StartAsync();
        await agent.UpgradeAsync(await agent.BundleAsync("1.0.0", Rows.V1));
        await agent.WriteAsync("of one");
        await File.WriteAllBytesAsync(Path.Combine(await agent.FolderAsync(), "big"), new byte[100 * 1024 * 1024], Ct);
        var before = await Rows.PictureAsync(await agent.FolderAsync());
        var db = await agent.ContainerAsync("db");
        engine.Disk.Fill(leaving: 120 * 1024 * 1024);

        var staged = await agent.StageAsync(await agent.BundleAsync("2.0.0", Rows.V2));
        var refused = await agent.StartUpgradeAsync(staged.Digest);

        Assert.Equal(["data"], staged.Plan.Findings.Where(f => f.Refuses).Select(f => f.Kind));
        Assert.Equal(OperationState.Refused, refused.State);
        Assert.Matches("has [0-9]+ bytes free, and [0-9]+ are needed: .* to keep a copy of the data", refused.Reason);
        Assert.Equal(before, await Rows.PictureAsync(await agent.FolderAsync()));
        Assert.Equal(db.State.StartedAt, (await agent.ContainerAsync("db")).State.StartedAt);
        await agent.RunsOnItsDataAsync("1.0.0");
    }
}
