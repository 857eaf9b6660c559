using System.Globalization;
using Appliance.Agent.Storage;
using Appliance.Agent.Updates;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class OperationsService(
    Updater updater,
    UpdateJournal journal,
    OperationProgress progress,
    IHostApplicationLifetime lifetime
) : V1.OperationsService.OperationsServiceBase
{
    private const string Prefix = "op-";

    public override Task<V1.ListOperationsResponse> ListOperations(
        V1.ListOperationsRequest request,
        ServerCallContext context
    )
    {
        var listed = request.Running
            ? journal.Running is { } one
                ? [one]
                : []
            : journal.Newest(OperationMapping.Limit(request.Limit));
        return Task.FromResult(new V1.ListOperationsResponse { Operations = { listed.Select(Shown) } });
    }

    public override async Task WatchOperation(
        V1.WatchOperationRequest request,
        IServerStreamWriter<V1.OperationUpdate> responseStream,
        ServerCallContext context
    )
    {
        var id = (request.Id.Length > 0 ? Existing(request.Id) : Latest()).Id;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(
            context.CancellationToken,
            lifetime.ApplicationStopping
        );
        var after = request.AfterStep;
        while (true)
        {
            // Taken before reading: what changes between the read and the wait ends the wait at once.
            var (changed, moved) = (journal.Changed, progress.Changed);
            var operation = journal.Find(id) ?? throw NoSuch($"{Prefix}{id}");
            var steps = journal.Steps(operation.Id, after);
            await responseStream.WriteAsync(
                new V1.OperationUpdate { Operation = Shown(operation), Steps = { steps.Select(s => s.ToMessage()) } },
                ending.Token
            );
            if (operation.HasEnded)
                return;
            after = steps.Count > 0 ? steps[^1].Sequence : after;
            await (await Task.WhenAny(changed, moved).WaitAsync(ending.Token));
        }
    }

    public override Task<V1.Operation> CancelOperation(V1.CancelOperationRequest request, ServerCallContext context) =>
        Task.FromResult(Shown(updater.Cancel(Existing(request.Id), context.GetCaller().Actor)));

    private V1.Operation Shown(Operation operation) =>
        operation.ToMessage(operation.HasEnded ? Progress.None : progress.Current);

    private Operation Latest() =>
        journal.Running
        ?? (
            journal.Newest(1) is [var newest]
                ? newest
                : throw Rpc.Error(StatusCode.NotFound, "there has been no operation yet")
        );

    private Operation Existing(string id) =>
        id.StartsWith(Prefix, StringComparison.Ordinal)
        && long.TryParse(id.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && journal.Find(number) is { } operation
            ? operation
            : throw NoSuch(id);

    private static RpcException NoSuch(string id) =>
        Rpc.Error(
            StatusCode.NotFound,
            $"no operation \"{(id.Length > 32 ? id[..32] + "…" : id)}\"; `appliancectl operations list` shows them"
        );
}
