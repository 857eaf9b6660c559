using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class StatusService(
    ISupervisor supervisor,
    UpdateJournal journal,
    DrillJournal drills,
    Holds holds,
    Database database,
    TimeProvider clock
) : V1.StatusService.StatusServiceBase
{
    private readonly DateTimeOffset startedAt = clock.GetUtcNow();

    public override Task<V1.Status> GetStatus(V1.GetStatusRequest request, ServerCallContext context)
    {
        var view = supervisor.View;
        var overall = OverallStatus.Of(view, database.NotDurableBecause);
        return Task.FromResult(
            new V1.Status
            {
                Health = overall.Health.ToMessage(),
                Problems = { overall.Problems },
                Agent = new V1.AgentStatus
                {
                    Version = CommandLine.Version,
                    StartedAt = startedAt.ToTimestamp(),
                    Host = Environment.MachineName,
                },
                Engine = view.Engine.ToMessage(),
                Release = ReleaseOf(view),
                Services = { view.Services.Select(s => s.ToSummary()) },
                Maintenance = holds.Current is { } hold ? $"{Words.Of(hold)}; nothing is repaired" : "",
            }
        );
    }

    private V1.ReleaseStatus ReleaseOf(SupervisionView view)
    {
        var release = view.Release?.ToMessage() ?? new V1.ReleaseStatus();
        release.UnderWay =
            journal.Running is { } running ? $"{running.Name}: {running.Sentence}"
            : drills.Running is { } drill ? $"{drill.Name}: {drill.Sentence}"
            : "";
        return release;
    }
}
