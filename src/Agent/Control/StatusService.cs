using Appliance.Agent.Healing;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class StatusService(
    ISupervisor supervisor,
    UpdateJournal journal,
    DrillJournal drills,
    Holds holds,
    DiskAlarms alarms,
    StoredReleases stored,
    Database database,
    TimeProvider clock
) : V1.StatusService.StatusServiceBase
{
    private readonly DateTimeOffset startedAt = clock.GetUtcNow();

    public override Task<V1.Status> GetStatus(V1.GetStatusRequest request, ServerCallContext context)
    {
        var view = supervisor.View;
        var overall = OverallStatus.Of(view, database.NotDurableBecause, alarms.Disks);
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
                Disks = { alarms.Disks.Select(d => d.ToMessage()) },
                Content = new V1.StoredContent
                {
                    Bytes = stored.Current.Bytes,
                    Kept =
                    {
                        stored.Current.Kept.Select(k => new V1.KeptRelease
                        {
                            Why = k.Why,
                            Version = k.Version,
                            Bytes = k.Bytes,
                        }),
                    },
                    Reserve = alarms.ReservedBytes,
                },
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
