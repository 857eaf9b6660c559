using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Agent.Control;

/// <summary>Shows an operation on its way as a rollout: who holds it, what it tries, and how that goes.</summary>
internal sealed class Rollouts(
    Rollout rollout,
    TrafficWatch traffic,
    ISupervisor supervisor,
    OperationProgress progress
)
{
    /// <returns>Null: no operation is on its way.</returns>
    public V1.RolloutStatus? Show() => rollout.Current is { } current ? Show(current) : null;

    public V1.RolloutStatus Show(Operation operation)
    {
        // On the way back nothing is tried any more, and nothing held.
        var record = operation.Phase < Phase.Committed ? rollout.Of(operation) : RolloutRecord.None;
        return new V1.RolloutStatus
        {
            Operation = operation.ToMessage(progress.Current),
            PausedBy = record.PausedBy ?? "",
            Trial = record.Trial is { } service ? TrialOf(service, record.Left) : null,
        };
    }

    private V1.RolloutTrial TrialOf(string service, TimeSpan left)
    {
        var (tried, others) = traffic.Trial(service);
        return new V1.RolloutTrial
        {
            Service = service,
            Weight = supervisor.View.Published.FirstOrDefault(p => p.Name == service)?.CanaryShare ?? 0,
            Left = left.ToDuration(),
            Tried = CountsOf(tried),
            Others = CountsOf(others),
        };
    }

    private static V1.RequestCounts CountsOf(Tally tally) =>
        new()
        {
            Requests = tally.Requests,
            Failed = tally.Failed,
            ResponseTime = tally.ResponseTime?.ToDuration(),
        };
}
