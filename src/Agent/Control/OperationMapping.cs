using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Agent.Updates;
using Appliance.Bundles.Compose;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Agent.Control;

/// <summary>Operations and plans as messages.</summary>
internal static class OperationMapping
{
    private const int MostListed = 1000;

    /// <summary>0 means all that are kept.</summary>
    public static int Limit(int asked) => asked is > 0 and < MostListed ? asked : MostListed;

    public static V1.Operation ToMessage(this Operation operation, Progress progress)
    {
        var message = new V1.Operation
        {
            Id = operation.Name,
            Kind = operation.Kind.ToMessage(),
            State = operation.State switch
            {
                OperationState.Running => V1.OperationState.Running,
                OperationState.Done => V1.OperationState.Done,
                OperationState.Failed => V1.OperationState.Failed,
                OperationState.Refused => V1.OperationState.Refused,
                OperationState.RolledBack => V1.OperationState.RolledBack,
                _ => V1.OperationState.Cancelled,
            },
            Phase = operation.Phase.InWords(),
            Sentence = operation.Sentence,
            Product = operation.Product,
            FromVersion = operation.FromVersion,
            ToVersion = operation.ToVersion,
            ToDigest = operation.ToDigest,
            StartedAt = operation.StartedAt.ToTimestamp(),
            EndedAt = operation.EndedAt?.ToTimestamp(),
            Actor = operation.Actor,
            Reason = operation.Reason,
            Evidence = operation.Evidence,
            BytesDone = progress.BytesDone,
            BytesTotal = progress.BytesTotal,
            ServicesDone = progress.ServicesDone,
            ServicesTotal = progress.ServicesTotal,
            Waiting = progress.Waiting ?? "",
        };
        return message;
    }

    public static V1.OperationStep ToMessage(this OperationStep step) =>
        new()
        {
            Sequence = step.Sequence,
            Time = step.Time.ToTimestamp(),
            Phase = step.Phase.InWords(),
            Text = step.Text,
            Outcome = step.Outcome switch
            {
                StepOutcome.Begun => V1.OperationStep.Types.Outcome.Begun,
                StepOutcome.Done => V1.OperationStep.Types.Outcome.Done,
                _ => V1.OperationStep.Types.Outcome.Failed,
            },
        };

    public static V1.UpdatePlan ToMessage(this Updates.Plan plan) =>
        new()
        {
            Kind = plan.Kind.ToMessage(),
            Product = plan.Product,
            FromVersion = plan.FromVersion,
            ToVersion = plan.ToVersion,
            Services = { plan.Services.Select(s => ToMessage(s, plan.Downtime)) },
            BytesToMove = plan.BytesToMove,
            BytesToStore = plan.BytesToStore,
            BytesToUnpack = plan.Assessment.Space?.Layers ?? 0,
            FreeBytes = plan.Assessment.Space?.FreeForEngine ?? 0,
            Migrations = { plan.Migrations },
            Duration = plan.Duration?.ToDuration(),
            Space = plan.Assessment.Space is { } space ? ToMessage(space) : null,
            Findings = { plan.Assessment.Findings.Select(ToMessage) },
            Volumes = { plan.Data.Volumes.Select(v => ToMessage(v, plan)) },
            BytesToCopy = plan.Data.BytesToCopy,
            LosesDataSince = plan.Data.LosesSince ?? "",
            DataProblem = plan.Data.Problem ?? "",
            AgentVersion = plan.AgentVersion,
        };

    private static V1.VolumeChange ToMessage(VolumeChange volume, Updates.Plan plan) =>
        new()
        {
            Volume = volume.Name,
            Change =
                plan.Kind is OperationKind.Rollback ? V1.VolumeChange.Types.Change.BroughtBack
                : volume.Change is DataChange.Breaking ? V1.VolumeChange.Types.Change.Breaking
                : V1.VolumeChange.Types.Change.Expand,
            Bytes = plan.Data.Snapshots.FirstOrDefault(s => s.Volume == volume.Volume)?.Bytes ?? 0,
        };

    private static V1.SpacePlan ToMessage(Space space) =>
        new()
        {
            Content = space.Content,
            Layers = space.Layers,
            Spool = space.Spool,
            Snapshots = space.Snapshots,
            RollbackSet = space.RollbackSet,
            Reserve = Space.Reserve,
            FileSystems =
            {
                space.Disks.Select(d =>
                {
                    var message = new V1.FileSystemNeed
                    {
                        Name = d.Name,
                        Folder = d.Folder,
                        Needed = d.Needed,
                    };
                    if (d.Free is { } free)
                        message.Free = free;
                    return message;
                }),
            },
        };

    private static V1.Finding ToMessage(Finding finding) =>
        new()
        {
            Kind = finding.Kind switch
            {
                FindingKind.Space => "space",
                FindingKind.Data => "data",
                FindingKind.Memory => "memory",
                FindingKind.Ports => "ports",
                FindingKind.Engine => "engine",
                FindingKind.LiveRestore => "live-restore",
                FindingKind.UpgradePath => "upgrade-path",
                FindingKind.RequiredAgent => "requires-agent",
                FindingKind.RequiredDisk => "requires-disk",
                FindingKind.RequiredMemory => "requires-memory",
                FindingKind.Clock => "clock",
                FindingKind.Health => "health",
                _ => "pending",
            },
            Refuses = finding.Refuses,
            Sentence = finding.Sentence,
            Remedy = finding.Remedy,
        };

    private static V1.ServiceChange ToMessage(
        ServiceDifference difference,
        IReadOnlyDictionary<string, TimeSpan> downtime
    ) =>
        new()
        {
            Service = difference.Service,
            Change = difference.Change switch
            {
                ServiceChange.Added => V1.ServiceChange.Types.Change.Added,
                ServiceChange.Changed => V1.ServiceChange.Types.Change.Changed,
                ServiceChange.Removed => V1.ServiceChange.Types.Change.Removed,
                _ => V1.ServiceChange.Types.Change.Untouched,
            },
            Reasons = { difference.Reasons },
            Gap = difference.Gap ?? "",
            Interrupted = difference.Interrupts,
            Downtime = downtime.TryGetValue(difference.Service, out var length) ? length.ToDuration() : null,
        };

    private static V1.OperationKind ToMessage(this OperationKind kind) =>
        kind switch
        {
            OperationKind.Install => V1.OperationKind.Install,
            OperationKind.Upgrade => V1.OperationKind.Upgrade,
            _ => V1.OperationKind.Rollback,
        };

    private static string InWords(this Phase phase) =>
        phase switch
        {
            Phase.RollingBack => "rolling-back",
            Phase.RolledBack => "rolled-back",
            _ => phase.ToString().ToLowerInvariant(),
        };
}
