using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Updates;

/// <summary>An operation between its two releases, and its entries in the journal.</summary>
/// <param name="operation">As it was when the run began.</param>
/// <param name="from">Before the first release one without services.</param>
internal sealed class Course(
    Operation operation,
    Release from,
    OpenedRelease to,
    UpdateJournal journal,
    SnapshotTable snapshots,
    ISupervisor supervisor,
    ILogger<UpdateRun> log
)
{
    public Operation Operation => operation;

    public Release From => from;

    public OpenedRelease To => to;

    public IReadOnlyList<ServiceDifference> Differences { get; } = ReleaseDifference.Between(from, to.Release);

    public IReadOnlyList<ServiceDifference> Changed =>
        [.. Differences.Where(d => d.Change is not ServiceChange.Untouched)];

    /// <summary>How far it is now.</summary>
    public Phase Reached => journal.Find(operation.Id)!.Phase;

    public bool HasOrigin => from.Digest.Length > 0;

    /// <summary>Whether there is a release before, of which nothing can be read.</summary>
    public bool IsOriginUnknown => !HasOrigin && operation.FromDigest is not null;

    /// <summary>Volumes that nobody may use but what the target has: their data is kept, and is being changed.</summary>
    public IReadOnlySet<string> Still =>
        snapshots
            .Of(operation.Id)
            .Where(s => s.State is SnapshotState.Wanted or SnapshotState.Made)
            .Select(s => s.Volume)
            .ToHashSet();

    /// <summary>
    /// Whether nobody from outside gets through until it has come to its end: what was written would be lost on the way back.
    /// </summary>
    public bool IsClosed => !IsOriginUnknown && snapshots.Of(operation.Id).Any(s => s.State is not SnapshotState.Gone);

    public string Target => $"{operation.Product} {operation.ToVersion}";

    public string Origin => operation.FromVersion.Length > 0 ? operation.FromVersion : "nothing";

    /// <summary>Services that were not well before the first switch.</summary>
    public IEnumerable<string> NotedAsAiling() =>
        Recorded.Ailing(journal.Steps(operation.Id), Changed.Select(d => d.Service));

    /// <summary>Durable before what it announces.</summary>
    public void Record(Phase phase, StepOutcome outcome, string text, string? service = null)
    {
        journal.Record(operation.Id, phase, outcome, text, service);
        log.Step(operation.Name, phase.ToString(), text);
    }

    /// <summary>Durable before anything is stopped: which volumes are to be kept.</summary>
    public void BeginSnapshot(IReadOnlyList<VolumeSnapshot> volumes, string text)
    {
        journal.BeginSnapshot(operation, volumes, text);
        log.Step(operation.Name, nameof(Phase.Snapshotting), text);
    }

    /// <summary>Durable before anything of the target starts: they are kept.</summary>
    public void HasSnapshot(IReadOnlyList<VolumeSnapshot> volumes, string text)
    {
        journal.HasSnapshot(operation, volumes, text);
        log.Step(operation.Name, nameof(Phase.Snapshotted), text);
    }

    /// <summary>Services whose containers the target has made anew: what fails of the requests to others is not its doing.</summary>
    public HashSet<string> Renewed()
    {
        var before = supervisor.HashesOf(from);
        return
        [
            .. supervisor
                .HashesOf(to.Release)
                .Where(s => before.GetValueOrDefault(s.Key) != s.Value)
                .Select(s => s.Key),
        ];
    }

    public List<Candidate> CandidatesOf(Release release)
    {
        var other = ReferenceEquals(release, from) ? to.Release : from;
        var isReturn = ReferenceEquals(release, from) || operation.Kind is OperationKind.Rollback;
        return
        [
            .. supervisor
                .HashesOf(release)
                .Select(s =>
                    Candidate.Of(
                        release.Model.Services[s.Key],
                        s.Value,
                        other.Model.Services.GetValueOrDefault(s.Key),
                        isReturn
                    )
                ),
        ];
    }

    public UpdatePolicy PolicyOf(ComposeService service) =>
        DesiredStateBuilder.PolicyOf(service.Deploy, operation.Kind is OperationKind.Rollback);
}
