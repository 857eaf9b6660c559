using Appliance.Agent.Tests.Running;
using Appliance.Docker;
using Appliance.Testing;
using Appliance.V1;

namespace Appliance.Agent.Tests.Updates;

/// <summary>The engine fails an update half way: what ran goes on, and nothing is left of what it was given.</summary>
public sealed class EngineTroubleTests(EngineTroubleTests.SmallEngine on)
    : IClassFixture<EngineTroubleTests.SmallEngine>
{
    private const int SigStop = 19;
    private const int SigCont = 18;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>With room for the big image, and not for much more.</summary>
    public sealed class SmallEngine : IAsyncLifetime
    {
        public PrivateEngine Engine { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Engine = await PrivateEngine.StartSmallAsync(192, default);

        public ValueTask DisposeAsync() => Engine.DisposeAsync();

        public async Task<bool> HoldsAsync(string image, CancellationToken ct)
        {
            try
            {
                await Engine.Client.Images.InspectAsync(image, ct);
                return true;
            }
            catch (EngineNotFoundException)
            {
                return false;
            }
        }

        /// <summary>One that another test left would not have to be loaded.</summary>
        public async Task ForgetBigAsync(CancellationToken ct)
        {
            if (await HoldsAsync(Images.Big.Id, ct))
                await Engine.Client.Images.RemoveAsync(Images.Big.Id, force: true, ct);
        }
    }

    private PrivateEngine Engine => on.Engine;

    [Fact]
    public async Task What_does_not_fit_is_refused_before_anything_is_loaded()
    {
        await using var agent = await RunningAsync();
        Engine.Disk.Fill(leaving: 100 << 20);

        var end = await agent.UpgradeAsync(await BigAsync(agent));
        Engine.Disk.Free();

        Assert.Equal((OperationState.Refused, "preflighted"), (end.State, end.Phase));
        Assert.Contains("the engine's file system has", end.Reason, StringComparison.Ordinal);
        await NothingHappenedAsync(agent);
    }

    [Fact]
    public async Task A_disk_that_fills_up_while_images_are_loaded_fails_the_update_and_nothing_else()
    {
        await using var agent = await RunningAsync();
        var loading = await FreezeWhileLoadingAsync(agent);
        Engine.Disk.Fill();
        Posix.Kill(Engine.Pid, SigCont);

        var end = await agent.EndOfAsync(loading.Id);
        Engine.Disk.Free();

        Assert.Equal((OperationState.Failed, "loading"), (end.State, end.Phase));
        Assert.Contains("no space left on device", end.Reason, StringComparison.Ordinal);
        await NothingHappenedAsync(agent);
    }

    [Fact]
    public async Task What_is_cancelled_while_images_are_loaded_changes_nothing()
    {
        await using var agent = await RunningAsync();
        var loading = await FreezeWhileLoadingAsync(agent);
        await agent.CancelAsync(loading.Id);
        Posix.Kill(Engine.Pid, SigCont);

        var end = await agent.EndOfAsync(loading.Id);

        Assert.Equal(
            (OperationState.Cancelled, "cancelled; nothing was changed", "uid:0 (root) cancelled it"),
            (end.State, end.Sentence, end.Reason)
        );
        await NothingHappenedAsync(agent);
    }

    [Fact]
    public async Task An_engine_that_dies_while_images_are_loaded_is_waited_for()
    {
        await using var agent = await RunningAsync();
        agent.ExpectsErrors = true;
        var loading = await FreezeWhileLoadingAsync(agent);
        await Engine.KillAsync(Ct);
        await agent.EventAsync("engine.lost");
        await Engine.RestartAsync(Ct);

        var end = await agent.EndOfAsync(loading.Id);

        Assert.True(end.State is OperationState.Done, $"{end}\n{agent.Log}");
        await agent.RunsWholeAsync("2.0.0");
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task After_a_power_cut_the_update_waits_for_the_engine_to_come_up()
    {
        await using var agent = await RunningAsync();
        agent.ExpectsErrors = true;
        var loading = await agent.UpgradeUntilAsync(await BigAsync(agent), o => o.Phase == "loading");
        await agent.KillAsync();
        await Engine.KillAsync(Ct);

        await agent.StartAsync();
        await agent.EventAsync("engine.lost");
        await Engine.RestartAsync(Ct);

        Assert.Equal(OperationState.Done, (await agent.EndOfAsync(loading.Id)).State);
        await agent.RunsWholeAsync("2.0.0");
    }

    [Fact]
    public async Task An_engine_that_dies_while_services_are_switched_is_waited_for()
    {
        await using var agent = await RunningAsync();
        agent.ExpectsErrors = true;
        var two = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));
        var begun = await agent.UpgradeUntilAsync(two, o => o.Phase == "switching");
        await Engine.KillAsync(Ct);
        await agent.EventAsync("engine.lost");
        await Engine.RestartAsync(Ct);

        var end = await agent.EndOfAsync(begun.Id);

        Assert.True(end.State is OperationState.Done, $"{end}\n{agent.Log}");
        await agent.RunsWholeAsync("2.0.0");
    }

    private async Task<RealAgent> RunningAsync()
    {
        await on.ForgetBigAsync(Ct);
        var agent = RealAgent.On(Engine);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        return agent;
    }

    private static Task<string> BigAsync(RealAgent agent, string version = "2.0.0") =>
        agent.BundleAsync(version, TwoServices.Of(version, image: Images.Big.Reference), Images.Big);

    /// <summary>An upgrade whose image the engine has begun to take, and does not go on with.</summary>
    private async Task<Operation> FreezeWhileLoadingAsync(RealAgent agent)
    {
        var operation = await agent.UpgradeUntilAsync(
            await BigAsync(agent),
            o => o is { Phase: "loading", BytesDone: > 0 }
        );
        Posix.Kill(Engine.Pid, SigStop);
        return operation;
    }

    private async Task NothingHappenedAsync(RealAgent agent)
    {
        await agent.RunsWholeAsync("1.0.0");
        // An engine that was interrupted may hold it a moment longer than the operation takes to end.
        await Eventually.TrueAsync("the image is gone again", async ct => !await on.HoldsAsync(Images.Big.Id, ct), Ct);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(agent.Data, "content/incoming")));
    }
}
