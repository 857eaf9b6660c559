using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Releases;
using Appliance.Docker;

namespace Appliance.Agent.Updates;

/// <summary>What an operation would do, before anybody agrees to it.</summary>
/// <param name="Migrations">Services that run to their end on the way, because they are new or changed.</param>
/// <param name="Downtime">Of services that are interrupted, as long as their last exchange took; others are not in it.</param>
/// <param name="Duration">Null: there is nothing to go by.</param>
internal sealed record Plan(
    OperationKind Kind,
    string Product,
    string FromVersion,
    string ToVersion,
    IReadOnlyList<ServiceDifference> Services,
    IReadOnlyList<string> Migrations,
    IReadOnlyDictionary<string, TimeSpan> Downtime,
    TimeSpan? Duration,
    Assessment Assessment
)
{
    /// <summary>What it does to data.</summary>
    public DataPlan Data { get; init; } = DataPlan.Untouched;

    /// <summary>The version of the agent that takes over before anything is touched; empty: none does.</summary>
    public string AgentVersion { get; init; } = "";

    /// <summary>Bytes that were sent.</summary>
    public long BytesToMove { get; init; }

    /// <summary>Those of them that were not here yet.</summary>
    public long BytesToStore { get; init; }
}

internal sealed class Plans(
    UpdateJournal journal,
    KnownReleases releases,
    Preflight preflight,
    AgentTakeover takeover,
    DataPlans data,
    MountedFiles files,
    Completions completions
)
{
    private const int LooksBack = 20;

    /// <exception cref="IOException">The installed release is not stored any more.</exception>
    public async Task<Plan> OfUpgradeAsync(Staged staged, CancellationToken ct) =>
        await OfAsync(
            journal.Current is null ? OperationKind.Install : OperationKind.Upgrade,
            new OpenedRelease(staged.Content, staged.Release),
            ct
        ) with
        {
            BytesToMove = staged.Moved,
            BytesToStore = staged.Stored,
        };

    /// <exception cref="IOException">A release is not stored any more.</exception>
    /// <exception cref="RefusedException">It is not fit for this appliance any more.</exception>
    public async Task<Plan> OfRollbackAsync(KnownRelease target, CancellationToken ct) =>
        await OfAsync(OperationKind.Rollback, await releases.OpenAsync(target, ct), ct);

    private async Task<Plan> OfAsync(OperationKind kind, OpenedRelease target, CancellationToken ct)
    {
        var current = await CurrentAsync(ct);
        var isReturn = kind is OperationKind.Rollback;
        var differences = ReleaseDifference.Between(current, target.Release, isReturn);
        var (changes, ofData) = await DataAsync(kind, target.Release, current, ct);
        var assessment = await preflight.ForPlanAsync(kind, target, current, changes.BytesToCopy, ofData, ct);
        var experience = Experience.Of(Past());
        var exchanged = differences.Where(d => d.Change is not ServiceChange.Untouched).ToList();
        return new Plan(
            kind,
            target.Release.Product,
            current?.Version ?? "",
            target.Release.Version,
            differences,
            MigrationsOf(target.Release, differences),
            exchanged
                .Where(d => d.Interrupts)
                .Select(d => (d.Service, Length: experience.Of(d.Service)))
                .Where(d => d.Length is not null)
                .ToDictionary(d => d.Service, d => d.Length!.Value),
            assessment.Space is { } space
                ? experience.DurationOf(
                    space.ToSend,
                    [.. exchanged.Select(d => d.Service)],
                    WatchOf(target.Release, exchanged, isReturn)
                )
                : null,
            assessment
        )
        {
            Data = changes,
            AgentVersion = takeover.NextOf(target.Content)?.Text ?? "",
        };
    }

    /// <summary>What it does to data, and what speaks against that.</summary>
    private async Task<(DataPlan Plan, IReadOnlyList<Finding> Findings)> DataAsync(
        OperationKind kind,
        Release target,
        Release? current,
        CancellationToken ct
    )
    {
        if (kind is OperationKind.Rollback)
            return OfRollback(current);
        var from = journal.Current is { } known ? ReleaseDescriptor.Parse(known.Descriptor).Version.Text : "";
        try
        {
            var plan = await data.OfUpgradeAsync(from, target, ct);
            if (plan.Problem is null && plan.Snapshots.Count > 0)
                plan = plan with { Problem = await data.ProblemOfUsersAsync(plan.Snapshots, current, ct) };
            return Refused(plan, $"put that right, or go without: `--without-snapshot \"{Updater.LoseData}\"`");
        }
        catch (EngineUnavailableException e)
        {
            var unknown = $"it is not known what the volumes hold: {e.Message}";
            const string remedy = "it is looked at when the engine answers, before anything is touched";
            return (DataPlan.Untouched, [Finding.Warning(FindingKind.Data, unknown, remedy)]);
        }
        // The operation fails for it at once, also without a snapshot.
        catch (DockerEngineException e)
        {
            return (DataPlan.Untouched, [Findings.OfFailure(e)]);
        }
    }

    private (DataPlan Plan, IReadOnlyList<Finding> Findings) OfRollback(Release? current)
    {
        var plan = data.OfRollback();
        if (plan.Problem is not null)
            return Refused(plan, "upgrade to a release that can use it, or restore a backup of your own");
        if (current is not null || plan.Snapshots.Count == 0)
            return (plan, []);
        var problem =
            $"the installed release cannot be read, so what uses {DataPlan.NamesOf(plan.Snapshots)} cannot be stopped in order";
        return Refused(plan with { Problem = problem }, "send its bundle again, which puts it right");
    }

    private static (DataPlan Plan, IReadOnlyList<Finding> Findings) Refused(DataPlan plan, string remedy) =>
        (plan, plan.Problem is { } problem ? [Finding.Refusal(FindingKind.Data, problem, remedy)] : []);

    // What a definition has completed is not done again, on the way back for one.
    private IReadOnlyList<string> MigrationsOf(Release target, IReadOnlyList<ServiceDifference> differences)
    {
        var state = DesiredStateBuilder.Build(target, files.PathOf);
        return
        [
            .. differences
                .Where(d => d.Change is ServiceChange.Added or ServiceChange.Changed)
                .Select(d => state.Service(d.Service)!)
                .Where(s => s.IsMeantToEnd && completions.Of(new Slot(s.Name, 1).ToString(), s.ConfigHash) is null)
                .Select(s => s.Name),
        ];
    }

    /// <summary>How long all services are watched in the end.</summary>
    private static TimeSpan WatchOf(Release target, IEnumerable<ServiceDifference> exchanged, bool isReturn) =>
        exchanged
            .Where(d => d.Change is not ServiceChange.Removed)
            .Select(d => DesiredStateBuilder.PolicyOf(target.Model.Services[d.Service].Deploy, isReturn).Monitor)
            .DefaultIfEmpty(TimeSpan.Zero)
            .Max();

    private IEnumerable<PastOperation> Past() =>
        journal
            .Ended(LooksBack)
            .Where(o => o is { State: OperationState.Done, Resumed: 0 })
            .Select(o => new PastOperation(journal.Steps(o.Id), journal.BytesLoaded(o.Id)));

    // One that cannot be read any more is replaced as a whole.
    private async Task<Release?> CurrentAsync(CancellationToken ct)
    {
        try
        {
            return journal.Current is { } known ? (await releases.OpenAsync(known, ct)).Release : null;
        }
        catch (Exception e) when (e is RefusedException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
