using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What may happen while services are switched, and how patient an update is with them.</summary>
public sealed class UnderWayTests(SharedEngine shared)
{
    /// <summary>Healthy three seconds after it wrote its page; with twice 200 ms it would be given up long before.</summary>
    private const string Slow = "expr $$(date +%s) - $$(stat -c %Y /www/index.html) '>=' 3";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_cancelled_while_a_service_is_waited_for_goes_back()
    {
        await using var agent = await RunningAsync();
        var never = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0", check: "false", startPeriod: "60s"));
        var begun = await agent.UpgradeUntilAsync(never, IsSwitchingWeb);

        var second = await Assert.ThrowsAsync<RpcException>(() => agent.RollBackAsync());
        Assert.Equal(StatusCode.FailedPrecondition, second.StatusCode);
        Assert.Contains($"{begun.Id} (upgrade to 2.0.0) is under way", second.Status.Detail, StringComparison.Ordinal);

        await agent.CancelAsync(begun.Id);
        var end = await agent.EndOfAsync(begun.Id);

        Assert.Equal((OperationState.Cancelled, "rolled-back"), (end.State, end.Phase));
        Assert.Equal("uid:0 (root) cancelled it", end.Reason);
        await agent.RunsWholeAsync("1.0.0");
        var late = await Assert.ThrowsAsync<RpcException>(() => agent.CancelAsync(begun.Id));
        Assert.Equal(
            (StatusCode.FailedPrecondition, $"{begun.Id} has ended already"),
            (late.StatusCode, late.Status.Detail)
        );
    }

    [Fact]
    public async Task A_slow_service_has_the_time_that_it_declares_and_the_agent_may_end_meanwhile()
    {
        await using var agent = await RunningAsync();
        var slow = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0", Slow, startPeriod: "60s"));
        var begun = await agent.UpgradeUntilAsync(slow, IsSwitchingWeb);

        Assert.Equal(0, await agent.StopAsync());
        await agent.StartAsync();

        Assert.Equal(OperationState.Done, (await agent.EndOfAsync(begun.Id)).State);
        await agent.RunsWholeAsync("2.0.0");
    }

    [Fact]
    public async Task A_service_that_keeps_ending_is_given_up_at_its_third_restart()
    {
        await using var agent = await RunningAsync();
        var crashing = TwoServices.Of("2.0.0", check: "false", startPeriod: "60s", work: "echo no luck; exit 3");

        var end = await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", crashing));

        Assert.Equal(OperationState.RolledBack, end.State);
        Assert.EndsWith("it was restarted 3 times", end.Reason, StringComparison.Ordinal);
        Assert.Contains("no luck", end.Evidence, StringComparison.Ordinal);
        await agent.RunsWholeAsync("1.0.0");
    }

    [Fact]
    public async Task What_a_person_stopped_stays_stopped_in_the_next_release()
    {
        await using var agent = await RunningAsync();
        await agent.Services.StopServiceAsync(new StopServiceRequest { Name = "web" }, cancellationToken: Ct);
        await agent.BecomesAsync("web", ServiceState.Stopped);

        var end = await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0")));

        Assert.Equal(OperationState.Done, end.State);
        Assert.Equal(ServiceState.Stopped, (await agent.ServiceAsync("web")).Summary.State);
        await agent.Services.StartServiceAsync(new StartServiceRequest { Name = "web" }, cancellationToken: Ct);
        await agent.BecomesAsync("web", ServiceState.Running);
        Assert.Equal("2.0.0", await agent.SaysAsync("web"));
    }

    [Fact]
    public async Task A_bundle_that_was_half_sent_when_the_agent_was_killed_leaves_nothing()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await agent.StartAsync();
        var bundle = await agent.BundleAsync("1.0.0", TwoServices.Of("1.0.0"));
        var content = Path.Combine(agent.Data, "content");

        using (var call = agent.Updates.StageBundle(cancellationToken: Ct))
        {
            await using var file = File.OpenRead(bundle);
            await call.RequestStream.WriteAsync(new() { Start = new BundleStart { Size = file.Length } }, Ct);
            var piece = new byte[UpdatingAgent.Piece];
            while (file.Position < file.Length / 2 && await file.ReadAsync(piece, Ct) is var read)
                await call.RequestStream.WriteAsync(new() { Chunk = ByteString.CopyFrom(piece.AsSpan(0, read)) }, Ct);
            await Eventually.TrueAsync("some of it is stored", () => Files(content).Any(), Ct);
            await agent.KillAsync();
        }
        await agent.StartAsync();

        await Eventually.TrueAsync("nothing of it is left", () => !Files(content).Any(), Ct);
        Assert.Equal(OperationState.Done, (await agent.UpgradeAsync(bundle)).State);
    }

    private async Task<RealAgent> RunningAsync()
    {
        var agent = RealAgent.On(shared.Engine);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        return agent;
    }

    private static bool IsSwitchingWeb(Operation operation) =>
        operation.Phase == "switching" && operation.Sentence.StartsWith("replacing web", StringComparison.Ordinal);

    private static IEnumerable<string> Files(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories) : [];
}
