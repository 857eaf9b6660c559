using Appliance.Agent.Storage;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class AuditService(AuditTrail audit, IHostApplicationLifetime lifetime)
    : V1.AuditService.AuditServiceBase
{
    public override async Task ListAudit(
        V1.ListAuditRequest request,
        IServerStreamWriter<V1.AuditRecord> responseStream,
        ServerCallContext context
    )
    {
        if (request.HasTail && request.Tail < 0)
            throw Rpc.Error(StatusCode.InvalidArgument, "tail must not be negative");
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(
            context.CancellationToken,
            lifetime.ApplicationStopping
        );
        foreach (var entry in audit.List(request.HasTail ? request.Tail : null))
            await responseStream.WriteAsync(entry.ToMessage(), ending.Token);
    }

    public override Task<V1.VerifyAuditResponse> VerifyAudit(V1.VerifyAuditRequest request, ServerCallContext context)
    {
        var verdict = audit.Verify();
        return Task.FromResult(
            new V1.VerifyAuditResponse
            {
                Intact = verdict.Intact,
                Records = verdict.Records,
                FirstBrokenId = verdict.FirstBrokenId,
            }
        );
    }
}
