using Appliance.Agent.Healing;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class MaintenanceService(Maintenance maintenance) : V1.MaintenanceService.MaintenanceServiceBase
{
    private const int MaxReason = 1000;
    private static readonly TimeSpan Longest = TimeSpan.FromDays(30);

    public override Task<V1.MaintenanceState> Hold(V1.HoldRequest request, ServerCallContext context)
    {
        if (request.Reason.Length > MaxReason)
            throw Rpc.Error(StatusCode.InvalidArgument, $"reason is longer than {MaxReason} characters");
        var length = request.For?.ToTimeSpan();
        if (length <= TimeSpan.Zero || length > Longest)
            throw Rpc.Error(StatusCode.InvalidArgument, $"for must be more than nothing, and at most {Longest.Days} d");
        return maintenance.Begin(context.GetCaller().Actor, request.Reason, length) is { } why
            ? throw Rpc.Error(StatusCode.FailedPrecondition, why)
            : Task.FromResult(State());
    }

    public override Task<V1.MaintenanceState> Release(V1.ReleaseRequest request, ServerCallContext context)
    {
        maintenance.Release(context.GetCaller().Actor);
        return Task.FromResult(State());
    }

    private V1.MaintenanceState State() =>
        new()
        {
            Sentence = maintenance.Current is { } hold ? Supervision.Words.Of(hold) : "nobody holds the appliance",
        };
}
