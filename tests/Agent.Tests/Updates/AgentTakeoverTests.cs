using Appliance.Agent.Host;
using Appliance.Agent.Tests.Host;
using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>Releases that bring an agent of their own, under a guardian.</summary>
public sealed class AgentTakeoverTests(SharedEngine shared)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_agent_of_a_release_takes_over_before_anything_is_touched_and_goes_on()
    {
        await using var agent = await StartAsync();
        var next = Bring(agent, "next");
        // What it needs of the agent, it brings.
        agent.Appliance = ", requirements: {agent: \">=0.9.0\"}";
        var bundle = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));
        agent.Appliance = "";
        var staged = await agent.StageAsync(bundle);
        Assert.Equal("0.9.0", staged.Plan.AgentVersion);
        var container = (await agent.ContainerAsync("web")).Id;

        var operation = await BeginAsync(agent, staged.Digest);
        Assert.Equal((OperationState.Done, ""), (operation.State, operation.Reason));
        Assert.Equal(next, Running(agent));
        Assert.Equal(next, File.ReadAllText(Path.Combine(agent.Versions, "healthy")).Trim());
        await agent.RunsWholeAsync("2.0.0");
        var texts = await StepsOfAsync(agent, operation);
        var before = texts.IndexOf("the agent 0.9.0 has taken over");
        Assert.InRange(before, texts.IndexOf("the agent 0.9.0 takes over") + 1, texts.Count);
        Assert.DoesNotContain(texts.Take(before), t => t.Contains("replacing", StringComparison.Ordinal));
        Assert.NotEqual(container, (await agent.ContainerAsync("web")).Id);

        // And it stays, over a start, and in a release that brings the same.
        await agent.StopAsync();
        await agent.StartAsync();
        Assert.Equal(next, Running(agent));
        var same = await agent.StageAsync(await agent.BundleAsync("3.0.0", TwoServices.Of("3.0.0")));
        Assert.Equal("", same.Plan.AgentVersion);
        Assert.Equal(OperationState.Done, (await agent.StartUpgradeAsync(same.Digest)).State);
        Assert.Equal(next, Running(agent));
    }

    [Theory]
    [InlineData("exit 1", "it was started 3 times")]
    [InlineData("exec sleep 1000", "it did not report within 5 s", Traits = ["Category", "Long"])]
    public async Task One_that_is_not_well_is_gone_back_from_and_nothing_was_touched(string work, string why)
    {
        await using var agent = await StartAsync();
        agent.Environment["GUARDIAN_SECONDS"] = "5";
        var before = (await agent.ContainerAsync("web")).State.StartedAt;
        await RestartAsync(agent);
        Bring(agent, "bad", work);
        var staged = await agent.StageAsync(await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0")));
        var begun = await agent.Updates.StartUpgradeAsync(
            new StartUpgradeRequest { Digest = staged.Digest },
            cancellationToken: Ct
        );
        await agent.EndedAsync();
        // As systemd does, whatever it ends with.
        while (!await agent.TryStartAsync()) { }
        var operation = await agent.EndThroughRestartsAsync(begun.Id);
        Assert.Equal(OperationState.Failed, operation.State);
        Assert.Contains(why, operation.Reason, StringComparison.Ordinal);
        Assert.Equal(AgentVersions.OfSystem, Running(agent));
        await agent.RunsWholeAsync("1.0.0");
        Assert.Equal(before, (await agent.ContainerAsync("web")).State.StartedAt);

        // The next release brings one that does.
        var good = Bring(agent, "good");
        var next = await agent.StageAsync(await agent.BundleAsync("2.0.1", TwoServices.Of("2.0.1")));
        Assert.Equal(OperationState.Done, (await BeginAsync(agent, next.Digest)).State);
        Assert.Equal(good, Running(agent));
    }

    [Fact]
    public async Task The_agent_goes_back_with_a_release_that_is_taken_back_and_with_a_rollback()
    {
        await using var agent = await StartAsync();
        // Also where the release before has brought none.
        Bring(agent, "none");
        var none = await agent.StageAsync(await agent.BundleAsync("1.5.0", TwoServices.Of("1.5.0", check: "false")));
        Assert.Equal(OperationState.RolledBack, (await BeginAsync(agent, none.Digest)).State);
        await BecomesAsync(agent, AgentVersions.OfSystem);

        var first = Bring(agent, "first");
        var staged = await agent.StageAsync(await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0")));
        Assert.Equal(OperationState.Done, (await BeginAsync(agent, staged.Digest)).State);
        Assert.Equal(first, Running(agent));

        var second = Bring(agent, "second");
        var bad = await agent.StageAsync(await agent.BundleAsync("3.0.0", TwoServices.Of("3.0.0", check: "false")));
        Assert.Equal(OperationState.RolledBack, (await BeginAsync(agent, bad.Digest)).State);
        await BecomesAsync(agent, first);
        await agent.RunsWholeAsync("2.0.0");

        var good = await agent.StageAsync(await agent.BundleAsync("3.0.1", TwoServices.Of("3.0.1")));
        Assert.Equal(OperationState.Done, (await BeginAsync(agent, good.Digest)).State);
        Assert.Equal(second, Running(agent));
        var back = await agent.Updates.StartRollbackAsync(new StartRollbackRequest(), cancellationToken: Ct);
        Assert.Equal(OperationState.Done, (await agent.EndThroughRestartsAsync(back.Id)).State);
        Assert.Equal(first, Running(agent));
        await agent.RunsWholeAsync("2.0.0");
        // The one that gave way last is kept, and of the others what a release needs that is kept.
        Assert.Equal(
            new[] { first, second }.Order(StringComparer.Ordinal),
            Directory
                .GetFiles(agent.Versions)
                .Select(f => Path.GetFileName(f))
                .Where(f => f.Length == 64)
                .Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task One_that_is_damaged_on_the_disk_never_runs_and_the_same_bundle_puts_it_right()
    {
        await using var agent = await StartAsync();
        agent.ExpectsErrors = true;
        var own = Bring(agent, "own");
        var bundle = await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0"));
        var staged = await agent.StageAsync(bundle);
        Assert.Equal(OperationState.Done, (await BeginAsync(agent, staged.Digest)).State);
        await agent.StopAsync();
        File.SetUnixFileMode(Path.Combine(agent.Versions, own), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.AppendAllText(Path.Combine(agent.Versions, own), "# damage\n");
        await agent.StartAsync();
        Assert.Equal(AgentVersions.OfSystem, Running(agent));
        await agent.RunsWholeAsync("2.0.0");
        Assert.Contains(
            "is not what was signed for",
            (await agent.EventAsync("agent.refused")).Found,
            StringComparison.Ordinal
        );

        await Assert.ThrowsAsync<RpcException>(() => agent.StageAsync(bundle));
        await BecomesAsync(agent, own);
    }

    [Fact]
    public async Task Without_a_guardian_no_other_agent_takes_over_and_the_operation_says_so()
    {
        await using var agent = RealAgent.On(shared.Engine);
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        Bring(agent, "next");
        var operation = await agent.UpgradeAsync(await agent.BundleAsync("2.0.0", TwoServices.Of("2.0.0")));
        Assert.Equal(OperationState.Done, operation.State);
        Assert.Contains(await StepsOfAsync(agent, operation), t => t.Contains("no guardian", StringComparison.Ordinal));
    }

    /// <summary>What the next releases bring: this very agent, in a file of another name.</summary>
    internal static string Bring(RealAgent agent, string mark, string? work = null)
    {
        var path = Path.Combine(agent.Data, "..", $"agent-{mark}");
        work ??= $"exec '{RealAgent.Program}' \"$@\"";
        File.WriteAllText(path, $"#!/bin/sh\n# {mark}\n{work}\n");
        agent.Signer.Agent = (path, "0.9.0");
        return Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path)));
    }

    /// <summary>Which agent runs, as its guardian has called it.</summary>
    internal static string Running(RealAgent agent) =>
        File.ReadAllText($"/proc/{agent.Pid}/environ")
            .Split('\0')
            .First(v => v.StartsWith("APPLIANCE_AGENT_NAME=", StringComparison.Ordinal))[
            "APPLIANCE_AGENT_NAME=".Length..
        ];

    private static async Task<List<string>> StepsOfAsync(RealAgent agent, Operation operation)
    {
        using var call = agent.Operations.WatchOperation(
            new WatchOperationRequest { Id = operation.Id },
            cancellationToken: Ct
        );
        var texts = new List<string>();
        await foreach (var update in call.ResponseStream.ReadAllAsync(Ct))
            texts.AddRange(update.Steps.Select(s => s.Text));
        return texts;
    }

    private async Task<RealAgent> StartAsync()
    {
        var agent = RealAgent.On(shared.Engine);
        agent.Launcher = [GuardianTests.Program, agent.Versions];
        await agent.InstallAsync(TwoServices.Of("1.0.0"));
        await agent.StartAsync();
        await agent.BecomesAsync("web", ServiceState.Running);
        return agent;
    }

    private static async Task RestartAsync(RealAgent agent)
    {
        await agent.StopAsync();
        await agent.StartAsync();
    }

    private static async Task<Operation> BeginAsync(RealAgent agent, string digest)
    {
        var begun = await agent.Updates.StartUpgradeAsync(
            new StartUpgradeRequest { Digest = digest },
            cancellationToken: Ct
        );
        return await agent.EndThroughRestartsAsync(begun.Id);
    }

    /// <summary>After the operation, which says nothing of it.</summary>
    private static async Task BecomesAsync(RealAgent agent, string name)
    {
        await Eventually.TrueAsync(
            "the agent of the installed release runs",
            async ct =>
            {
                if (agent.HasEndedWell)
                    await agent.TryStartAsync();
                return !agent.HasEnded && await agent.AnswersAsync(ct) && Running(agent) == name;
            },
            Ct,
            TimeSpan.FromSeconds(60)
        );
    }
}
