using System.Globalization;
using Appliance.Agent.Drills;
using Appliance.Agent.Storage;
using Appliance.Agent.Updates;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class OperationsService(
    Updater updater,
    UpdateJournal journal,
    OperationProgress progress,
    Driller driller,
    DrillJournal drills,
    IHostApplicationLifetime lifetime
) : V1.OperationsService.OperationsServiceBase
{
    private const string Prefix = "op-";

    public override Task<V1.ListOperationsResponse> ListOperations(
        V1.ListOperationsRequest request,
        ServerCallContext context
    )
    {
        var limit = OperationMapping.Limit(request.Limit);
        var all = journal.Newest(limit).Select(Shown).Concat(drills.Newest(limit).Select(Shown));
        return Task.FromResult(
            new V1.ListOperationsResponse
            {
                Operations =
                {
                    all.Where(o => !request.Running || o.State is V1.OperationState.Running)
                        .OrderByDescending(o => o.StartedAt.ToDateTimeOffset())
                        .Take(limit),
                },
            }
        );
    }

    public override async Task WatchOperation(
        V1.WatchOperationRequest request,
        IServerStreamWriter<V1.OperationUpdate> responseStream,
        ServerCallContext context
    )
    {
        var id = request.Id.Length > 0 ? request.Id : Latest();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(
            context.CancellationToken,
            lifetime.ApplicationStopping
        );
        var after = request.AfterStep;
        while (true)
        {
            // Taken before reading: what changes between the read and the wait ends the wait at once.
            Task[] changes = [journal.Changed, progress.Changed, drills.Changed];
            var update = UpdateOf(id, after);
            await responseStream.WriteAsync(update, ending.Token);
            if (update.Operation.State is not V1.OperationState.Running)
                return;
            after = update.Steps is [.., var last] ? last.Sequence : after;
            await (await Task.WhenAny(changes).WaitAsync(ending.Token));
        }
    }

    public override Task<V1.Operation> CancelOperation(V1.CancelOperationRequest request, ServerCallContext context) =>
        Task.FromResult(
            drills.Named(request.Id) is { } drill
                ? Shown(driller.Cancel(drill.Id, context.GetCaller().Actor))
                : Shown(updater.Cancel(Existing(request.Id), context.GetCaller().Actor))
        );

    private V1.OperationUpdate UpdateOf(string id, long after)
    {
        if (drills.Named(id) is { } drill)
            return new V1.OperationUpdate
            {
                Operation = Shown(drill),
                Steps = { drills.Steps(drill.Id, after).Select(s => s.ToMessage()) },
            };
        var operation = Existing(id);
        return new V1.OperationUpdate
        {
            Operation = Shown(operation),
            Steps = { journal.Steps(operation.Id, after).Select(s => s.ToMessage()) },
        };
    }

    private V1.Operation Shown(Operation operation) =>
        operation.ToMessage(operation.HasEnded ? Progress.None : progress.Current);

    private V1.Operation Shown(Drill drill) => drill.ToMessage(drills.Disasters(drill.Id));

    private string Latest()
    {
        if ((journal.Running?.Name ?? drills.Running?.Name) is { } running)
            return running;
        return (journal.Newest(1), drills.Newest(1)) switch
        {
            ([], []) => throw Rpc.Error(StatusCode.NotFound, "there has been no operation yet"),
            ([var operation], []) => operation.Name,
            ([], [var drill]) => drill.Name,
            var (operations, newest) => newest[0].StartedAt > operations[0].StartedAt
                ? newest[0].Name
                : operations[0].Name,
        };
    }

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
