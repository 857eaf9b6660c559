using Appliance.V1;
using Grpc.Core;

namespace Agent.Cli.Tests;

internal sealed partial class FakeAgent
{
    /// <summary>What staging, planning a rollback and starting answer with.</summary>
    public StagedRelease Staged { get; set; } = Sample.Staged();

    public Operation Started { get; set; } = Sample.Operation(OperationState.Running);

    /// <summary>What only starting fails with, when set.</summary>
    public RpcException? StartFailure { get; set; }

    /// <summary>Refuses a bundle once so many bytes of it have come.</summary>
    public (long After, RpcException With)? Refusal { get; set; }

    /// <summary>Whether the bytes of a bundle are left unread after the first.</summary>
    public bool StopsReading { get; set; }

    public MemoryStream Received { get; } = new();

    public int LargestChunk { get; private set; }

    public TaskCompletionSource UploadCancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public List<Operation> Operations { get; } = [];

    /// <summary>Durable: they outlive <see cref="StopAsync"/>.</summary>
    public Feed<OperationUpdate> Updates { get; } = new();

    private sealed class UpdatesAnswers(FakeAgent agent) : UpdatesService.UpdatesServiceBase
    {
        public override async Task<StagedRelease> StageBundle(
            IAsyncStreamReader<StageBundleRequest> requestStream,
            ServerCallContext context
        )
        {
            await using var given = context.CancellationToken.Register(() => agent.UploadCancelled.TrySetResult());
            await requestStream.MoveNext();
            agent.Take("StageBundle", requestStream.Current);
            if (agent.StopsReading)
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.CancellationToken);
            while (await requestStream.MoveNext())
            {
                var chunk = requestStream.Current.Chunk;
                agent.LargestChunk = Math.Max(agent.LargestChunk, chunk.Length);
                agent.Received.Write(chunk.Span);
                if (agent.Refusal is { } refusal && agent.Received.Length >= refusal.After)
                    throw refusal.With;
            }
            return agent.Staged;
        }

        public override Task<Operation> StartUpgrade(StartUpgradeRequest request, ServerCallContext context)
        {
            agent.Take("StartUpgrade", request);
            return Task.FromResult(agent.Started);
        }

        public override Task<UpdatePlan> PlanRollback(PlanRollbackRequest request, ServerCallContext context)
        {
            agent.Take("PlanRollback", request);
            return Task.FromResult(agent.Staged.Plan);
        }

        public override Task<Operation> StartRollback(StartRollbackRequest request, ServerCallContext context)
        {
            agent.Take("StartRollback", request);
            return agent.StartFailure is { } failure ? throw failure : Task.FromResult(agent.Started);
        }

        public override Task<ListHistoryResponse> ListHistory(ListHistoryRequest request, ServerCallContext context)
        {
            agent.Take("ListHistory", request);
            return Task.FromResult(new ListHistoryResponse { Operations = { agent.Operations } });
        }
    }

    private sealed class OperationsAnswers(FakeAgent agent) : OperationsService.OperationsServiceBase
    {
        public override Task<ListOperationsResponse> ListOperations(
            ListOperationsRequest request,
            ServerCallContext context
        )
        {
            agent.Take("ListOperations", request);
            return Task.FromResult(new ListOperationsResponse { Operations = { agent.Operations } });
        }

        public override Task WatchOperation(
            WatchOperationRequest request,
            IServerStreamWriter<OperationUpdate> responseStream,
            ServerCallContext context
        )
        {
            agent.Take("WatchOperation", request);
            return agent.Updates.SendAsync(
                all =>
                    all.Select(u => u.Clone())
                        .Select(u =>
                        {
                            foreach (var step in u.Steps.Where(s => s.Sequence <= request.AfterStep).ToList())
                                u.Steps.Remove(step);
                            return u;
                        }),
                follow: true,
                responseStream,
                context
            );
        }

        public override Task<Operation> CancelOperation(CancelOperationRequest request, ServerCallContext context)
        {
            agent.Take("CancelOperation", request);
            return Task.FromResult(agent.Started);
        }
    }
}
