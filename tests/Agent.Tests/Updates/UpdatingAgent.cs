using Appliance.Agent.Tests.Running;
using Appliance.Testing;
using Appliance.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Appliance.Agent.Tests.Updates;

/// <summary>What <c>appliancectl upgrade</c> and <c>rollback</c> do, step by step.</summary>
internal static class UpdatingAgent
{
    public const int Piece = 60 * 1024;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<StagedRelease> StageAsync(this RealAgent agent, string bundle, bool acceptExpired = false)
    {
        await using var file = File.OpenRead(bundle);
        using var call = agent.Updates.StageBundle(cancellationToken: Ct);
        try
        {
            await call.RequestStream.WriteAsync(
                new StageBundleRequest
                {
                    Start = new BundleStart
                    {
                        FileName = Path.GetFileName(bundle),
                        Size = file.Length,
                        AcceptExpired = acceptExpired,
                    },
                }
            );
            var buffer = new byte[Piece];
            while (await file.ReadAsync(buffer, Ct) is > 0 and var read)
                await call.RequestStream.WriteAsync(
                    new StageBundleRequest { Chunk = ByteString.CopyFrom(buffer.AsSpan(0, read)) }
                );
            await call.RequestStream.CompleteAsync();
        }
        // The agent answers before it has all of what it refuses; its answer says why.
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException) { }
        return await call.ResponseAsync;
    }

    public static async Task<Operation> UpgradeAsync(this RealAgent agent, string bundle)
    {
        var staged = await agent.StageAsync(bundle);
        return await agent.StartUpgradeAsync(staged.Digest);
    }

    public static async Task<Operation> StartUpgradeAsync(this RealAgent agent, string digest)
    {
        var begun = await agent.Updates.StartUpgradeAsync(
            new StartUpgradeRequest { Digest = digest },
            cancellationToken: Ct
        );
        return await agent.EndOfAsync(begun.Id);
    }

    /// <summary>Begins an upgrade, and returns when it is so far.</summary>
    public static async Task<Operation> UpgradeUntilAsync(
        this RealAgent agent,
        string bundle,
        Func<Operation, bool> isSoFar
    )
    {
        var staged = await agent.StageAsync(bundle);
        var begun = await agent.Updates.StartUpgradeAsync(
            new StartUpgradeRequest { Digest = staged.Digest },
            cancellationToken: Ct
        );
        var seen = await agent.WatchAsync(begun.Id, isSoFar);
        Assert.True(isSoFar(seen), $"it ended before: {seen}");
        return seen;
    }

    public static async Task<Operation> CancelAsync(this RealAgent agent, string id) =>
        await agent.Operations.CancelOperationAsync(new CancelOperationRequest { Id = id }, cancellationToken: Ct);

    /// <summary>As <see cref="StartUpgradeAsync"/>, with the words that nothing has to be kept.</summary>
    public static async Task<Operation> UpgradeWithoutAsync(this RealAgent agent, string digest, string words)
    {
        var begun = await agent.Updates.StartUpgradeAsync(
            new StartUpgradeRequest { Digest = digest, WithoutSnapshot = words },
            cancellationToken: Ct
        );
        return await agent.EndOfAsync(begun.Id);
    }

    public static async Task<Operation> RollBackAsync(this RealAgent agent, string loseDataSince = "")
    {
        var begun = await agent.Updates.StartRollbackAsync(
            new StartRollbackRequest { LoseDataSince = loseDataSince },
            cancellationToken: Ct
        );
        return await agent.EndOfAsync(begun.Id);
    }

    /// <summary>Follows an operation to its end; over a restart of the agent too.</summary>
    public static Task<Operation> EndOfAsync(this RealAgent agent, string id) => agent.WatchAsync(id, _ => false);

    /// <summary>As <see cref="EndOfAsync"/>; an agent that ends by itself on the way is started again, as systemd would.</summary>
    public static async Task<Operation> EndThroughRestartsAsync(this RealAgent agent, string id)
    {
        while (true)
        {
            try
            {
                var last = await agent.WatchAsync(id, _ => false);
                if (last is { State: not OperationState.Running })
                    return last;
            }
            catch (RpcException) when (!Ct.IsCancellationRequested) { }
            await agent.RestartedIfEndedAsync();
        }
    }

    /// <summary>Returns when the agent answers; one that has ended by itself, or does so now, is started again.</summary>
    /// <exception cref="RpcException">It was killed.</exception>
    public static async Task RestartedIfEndedAsync(this RealAgent agent)
    {
        await Eventually.TrueAsync(
            "the agent answers, or has ended",
            async ct => agent.HasEnded || await agent.AnswersAsync(ct),
            Ct,
            TimeSpan.FromSeconds(60)
        );
        if (!agent.HasEnded)
            return;
        // Who kills it starts it again.
        for (var start = 0; start < 10 && agent.HasEndedWell; start++)
            await agent.TryStartAsync();
        Assert.False(agent.HasEndedWell, "it ends whenever it is started");
        if (agent.HasEnded)
            throw new RpcException(new Grpc.Core.Status(StatusCode.Unavailable, "the agent was killed"));
    }

    /// <summary>All of one release of <see cref="TwoServices"/>, and nothing of another; "" is none.</summary>
    public static async Task RunsWholeAsync(this RealAgent agent, string version)
    {
        Assert.Equal(version, await agent.VersionAsync());
        string[] expected =
            version.Length == 0
                ? []
                : [$"/{agent.Project}-data-1 {version} Running", $"/{agent.Project}-web-1 {version} Running"];
        Assert.Equal(
            expected,
            from container in await agent.ContainersAsync()
            from name in container.Names
            orderby name
            select $"{name} {container.Labels["release"]} {container.State}"
        );
    }

    public static async Task<string> VersionAsync(this RealAgent agent) =>
        (await agent.Status.GetStatusAsync(new GetStatusRequest(), cancellationToken: Ct)).Release.Version;

    /// <summary>What a service's web server says.</summary>
    public static async Task<string> SaysAsync(this RealAgent agent, string service) =>
        (
            await agent.Engine.Containers.ExecAsync(
                $"{agent.Project}-{service}-1",
                new Docker.ExecSpec { Command = ["cat", "/www/index.html"] },
                1000,
                Ct
            )
        ).Stdout.Trim();

    /// <summary>Leaves a file in the first container of a service.</summary>
    public static Task TouchAsync(this RealAgent agent, string service, string file) =>
        agent.Engine.Containers.ExecAsync(
            $"{agent.Project}-{service}-1",
            new Docker.ExecSpec { Command = ["touch", file] },
            1000,
            Ct
        );

    /// <summary>Follows an operation until it is so far, or has ended.</summary>
    public static async Task<Operation> WatchAsync(this RealAgent agent, string id, Func<Operation, bool> isSoFar)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        using var call = agent.Operations.WatchOperation(
            new WatchOperationRequest { Id = id },
            cancellationToken: patience.Token
        );
        Operation? last = null;
        while ((last is null || !isSoFar(last)) && await call.ResponseStream.MoveNext(patience.Token))
            last = call.ResponseStream.Current.Operation;
        return last!;
    }
}
