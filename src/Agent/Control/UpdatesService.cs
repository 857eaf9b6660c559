using Appliance.Agent.Sources;
using Appliance.Agent.Storage;
using Appliance.Agent.Updates;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Control;

internal sealed class UpdatesService(
    Updater updater,
    Intake intake,
    Plans plans,
    UpdateJournal journal,
    Rollouts rollouts,
    Rollout rollout,
    OperationProgress progress,
    IOptionsMonitor<SourcesOptions> sources,
    AuditTrail audit,
    TimeProvider clock
) : V1.UpdatesService.UpdatesServiceBase
{
    public override async Task<V1.StagedRelease> StageBundle(
        IAsyncStreamReader<V1.StageBundleRequest> requestStream,
        ServerCallContext context
    )
    {
        var ct = context.CancellationToken;
        if (!await requestStream.MoveNext(ct) || requestStream.Current.Start is not { } start)
            throw Rpc.Error(StatusCode.InvalidArgument, "the first message must be start");
        if (start.Size < 0)
            throw Rpc.Error(StatusCode.InvalidArgument, "size must not be negative");
        var caller = context.GetCaller();
        // A stream's record is made before its first message is there.
        audit.Append(
            new(caller.Actor, caller.Role.InWords(), context.Method, $"{start}", Outcome: "begun", Detail: "")
        );

        await using var bundle = new UploadStream(
            // Not a plain null, which would become an empty piece.
            async token =>
                await requestStream.MoveNext(token) ? Piece(requestStream.Current) : default(ReadOnlyMemory<byte>?),
            start.Size,
            sources.CurrentValue.UploadPatience,
            clock
        );
        var staged = await intake.StageAsync(bundle, start.AcceptExpired, caller.Actor, ct);
        var descriptor = staged.Content.Descriptor;
        return new V1.StagedRelease
        {
            Product = descriptor.Product,
            Version = descriptor.Version.Text,
            Digest = staged.Known.Digest,
            SignedAt = descriptor.SignedAt.ToTimestamp(),
            ExpiresAt = staged.Expires.ToTimestamp(),
            Plan = (await plans.OfUpgradeAsync(staged, ct)).ToMessage(),
        };
    }

    public override async Task<V1.Operation> StartUpgrade(V1.StartUpgradeRequest request, ServerCallContext context) =>
        Shown(
            await updater.StartUpgradeAsync(
                request.Digest,
                Said(request.WithoutSnapshot),
                context.GetCaller().Actor,
                context.CancellationToken
            )
        );

    public override async Task<V1.UpdatePlan> PlanRollback(V1.PlanRollbackRequest request, ServerCallContext context) =>
        (await plans.OfRollbackAsync(updater.PreviousOrRefuse(), context.CancellationToken)).ToMessage();

    public override async Task<V1.Operation> StartRollback(
        V1.StartRollbackRequest request,
        ServerCallContext context
    ) =>
        Shown(
            await updater.StartRollbackAsync(
                Said(request.LoseDataSince),
                context.GetCaller().Actor,
                context.CancellationToken
            )
        );

    public override Task<V1.RolloutStatus> GetRollout(V1.GetRolloutRequest request, ServerCallContext context) =>
        Task.FromResult(
            rollouts.Show() ?? throw Rpc.Error(StatusCode.FailedPrecondition, "no operation is on its way")
        );

    public override Task<V1.RolloutStatus> PauseRollout(V1.PauseRolloutRequest request, ServerCallContext context) =>
        Task.FromResult(rollouts.Show(rollout.Pause(context.GetCaller().Actor)));

    public override Task<V1.RolloutStatus> PromoteRollout(
        V1.PromoteRolloutRequest request,
        ServerCallContext context
    ) => Task.FromResult(rollouts.Show(rollout.Promote(context.GetCaller().Actor)));

    public override Task<V1.ListHistoryResponse> ListHistory(
        V1.ListHistoryRequest request,
        ServerCallContext context
    ) =>
        Task.FromResult(
            new V1.ListHistoryResponse
            {
                Operations =
                {
                    journal.Ended(OperationMapping.Limit(request.Limit)).Select(o => o.ToMessage(Progress.None)),
                },
            }
        );

    private static string? Said(string field) => field.Length > 0 ? field : null;

    private V1.Operation Shown(Operation operation) => operation.ToMessage(progress.Current);

    private static ReadOnlyMemory<byte> Piece(V1.StageBundleRequest message) =>
        message.PartCase is V1.StageBundleRequest.PartOneofCase.Chunk
            ? message.Chunk.Memory
            : throw Rpc.Error(StatusCode.InvalidArgument, "after start there may only be chunks");
}
