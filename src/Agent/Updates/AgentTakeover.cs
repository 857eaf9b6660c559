using Appliance.Agent.Content;
using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;
using Appliance.Bundles.Releases;

namespace Appliance.Agent.Updates;

/// <summary>
/// Has the agent that a release brings take over from this one: put beside it, chosen, and started by the guardian once this
/// one has ended. Containers do not notice.
/// </summary>
internal sealed class AgentTakeover(
    AgentVersions versions,
    AgentReport report,
    ContentStore store,
    KnownReleases releases,
    UpdateJournal journal,
    EventLog events,
    IHostApplicationLifetime lifetime,
    TimeProvider clock
)
{
    // Each of them would be cut short before the guardian came to say anything: by a kill, or a power cut.
    private const int MostTries = 3;

    private volatile string? refusal;

    /// <summary>Whether the agent of the installed release does not run, because it was gone back from.</summary>
    public bool IsRefused => refusal is not null;

    /// <summary>The version that a release would have take over; null: it brings none, or the one that runs.</summary>
    public SemanticVersion? NextOf(ReleaseContent release) =>
        versions.IsGuarded && release.Document.Agent is { } agent && !versions.Is(NameOf(agent)) ? agent.Version : null;

    /// <summary>Bytes that it takes to put the agent of a release beside this one.</summary>
    public long BytesFor(ReleaseContent release) =>
        NextOf(release) is null || versions.Has(NameOf(release.Document.Agent!))
            ? 0
            : release.Document.Agent!.Program.Size;

    /// <summary>
    /// The last step before what runs is touched. If another agent is to take over, this one ends, and does not return: the
    /// other goes on with the operation.
    /// </summary>
    /// <returns>Null: the operation may go on. Otherwise how it ends.</returns>
    public async Task<Conclusion?> RunAsync(Course course, CancellationToken ct)
    {
        if (course.To.Content.Document.Agent is not { } agent)
            return null;
        var tries = TriesOf(course.Operation);
        if (versions.Is(NameOf(agent)))
        {
            if (tries > 0)
            {
                await report.Made.WaitAsync(ct);
                course.Record(Phase.Loaded, StepOutcome.Done, $"the agent {agent.Version} has taken over");
            }
            return null;
        }
        if (!versions.IsGuarded)
        {
            course.Record(
                Phase.Loaded,
                StepOutcome.Done,
                $"the agent {agent.Version} is not taken up, for no guardian has started this one, and nobody would go back from it"
            );
            return null;
        }
        try
        {
            if (tries == 0)
                versions.ForgetRefusal();
            else if (versions.RefusalOf(NameOf(agent)) is { } why)
                return Without(course, $"the agent {agent.Version} was gone back from: {why}");
            else if (tries == MostTries)
                return Without(
                    course,
                    $"the agent {agent.Version} was to take over {tries} times, and did not come to it"
                );
            journal.BeginTakeover(course.Operation.Id, versions.Running, $"the agent {agent.Version} takes over");
            await ChooseAsync(course.To.Content, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return Without(course, $"the agent {agent.Version} cannot be put in its place: {e.Message}");
        }
        await EndAsync(ct);
        return null;
    }

    /// <summary>Why an operation cannot go on under this agent: the one that had taken over for it was gone back from.</summary>
    public string? ProblemOf(Course course) =>
        course.Operation.Kind is not OperationKind.Rollback
        && course.To.Content.Document.Agent is { } agent
        && versions.IsGuarded
        && !versions.Is(NameOf(agent))
        && TriesOf(course.Operation) > 0
            ? $"the agent {agent.Version} had taken over, and was gone back from: {versions.RefusalOf(NameOf(agent)) ?? "its guardian does not say why"}"
            : null;

    /// <summary>
    /// While nothing is under way, the agent of the installed release is the one to run: after an operation that was taken
    /// back that is the one before, also where the release before had brought none. One that was gone back from stays so, with
    /// an alarm.
    /// </summary>
    public async Task SettleAsync(CancellationToken ct)
    {
        if (!versions.IsGuarded || journal.Current is not { } current)
            return;
        try
        {
            var release = await releases.ReadAsync(current, ct);
            if (!await SettleAsync(release, ct))
                return;
        }
        catch (Exception e)
            when (e is IOException or UnauthorizedAccessException or InvalidDataException or RefusedException)
        {
            Alarm(EventSeverity.Warning, $"the agent of the installed release cannot be put in its place: {e.Message}");
            return;
        }
        await EndAsync(ct);
    }

    /// <returns>Whether another was chosen, and this one is to end.</returns>
    private async Task<bool> SettleAsync(ReleaseContent release, CancellationToken ct)
    {
        var name = $"{release.Descriptor.Product} {release.Descriptor.Version}";
        if (NextOf(release) is { } version)
        {
            if (versions.RefusalOf(NameOf(release.Document.Agent!)) is { } why)
            {
                Alarm(EventSeverity.Error, $"the agent {version} of {name} was gone back from: {why}");
                return false;
            }
            await ChooseAsync(release, ct);
            Tell($"{name} has the agent {version}, and another runs");
            return true;
        }
        refusal = null;
        if (
            release.Document.Agent is not null
            || GaveWay is not { } before
            || before == versions.Running
            || versions.RefusalOf(before) is not null
            || (before != AgentVersions.OfSystem && !versions.Has(before))
        )
            return false;
        versions.Choose(before);
        Tell($"the agent of an operation that was not kept runs, and another ran with {name}");
        return true;
    }

    /// <summary>Who gave way to the agent of an operation that came to nothing.</summary>
    private string? GaveWay =>
        journal.Ended(1) is [{ State: not OperationState.Done, AgentBefore: { } before }] ? before : null;

    private void Tell(string found)
    {
        refusal = null;
        events.Append(new(EventSeverity.Info, "agent.chosen", null, null, found, "ends, so that it takes over"));
    }

    /// <summary>Told once.</summary>
    private void Alarm(EventSeverity severity, string found)
    {
        if (refusal == found)
            return;
        refusal = found;
        events.Append(
            new(
                severity,
                "agent.refused",
                null,
                null,
                found,
                "runs on in another version; sending the release's bundle again tries it again"
            )
        );
    }

    /// <summary>Somebody has sent the installed release once more: what was gone back from is tried again.</summary>
    /// <exception cref="IOException">That it was cannot be forgotten.</exception>
    public void TryAgain()
    {
        if (versions.IsGuarded)
            versions.ForgetRefusal();
    }

    /// <summary>Whether an operation waits for another agent to take over: the guardian counts its starts.</summary>
    public bool IsTakingOver(Operation operation) =>
        operation.Phase is Phase.Loaded && journal.Steps(operation.Id) is [.., { Outcome: StepOutcome.Begun }];

    /// <summary>Removes the agents that no release needs that is kept, and no operation that may come to nothing.</summary>
    public void Collect(IEnumerable<ReleaseContent> kept) =>
        versions.Collect(
            kept.Select(k => k.Document.Agent)
                .OfType<ReleaseAgent>()
                .Select(NameOf)
                .Concat(journal.Newest(1).Select(o => o.AgentBefore).OfType<string>())
                .ToHashSet()
        );

    /// <exception cref="InvalidDataException">What is stored of it is damaged, and was dropped.</exception>
    private async Task ChooseAsync(ReleaseContent release, CancellationToken ct)
    {
        var (agent, layer) = (release.Document.Agent!, release.AgentImage!.Layers[0]);
        if (!await versions.IsSoundAsync(NameOf(agent), ct))
        {
            var stored = store.StoredAs(layer);
            try
            {
                await versions.PlaceAsync(
                    NameOf(agent),
                    async file =>
                    {
                        await using var from = store.OpenRead(stored);
                        var isGzip = layer.IsGzip && stored != layer.Tar;
                        await AgentImage.CopyProgramAsync(from, isGzip, agent.Program, file, ct);
                    }
                );
            }
            catch (InvalidDataException)
            {
                store.Discard(stored);
                throw;
            }
        }
        versions.Choose(NameOf(agent));
    }

    /// <summary>Ends this agent; whoever has started it starts the next.</summary>
    private async Task EndAsync(CancellationToken ct)
    {
        lifetime.StopApplication();
        await Task.Delay(Timeout.InfiniteTimeSpan, clock, ct);
    }

    private int TriesOf(Operation operation) =>
        journal.Steps(operation.Id).Count(s => s is { Phase: Phase.Loaded, Outcome: StepOutcome.Begun });

    /// <summary>A rollback goes on all the same: who asked for it wanted to leave what runs.</summary>
    private static Conclusion? Without(Course course, string reason)
    {
        if (course.Operation.Kind is OperationKind.Rollback)
        {
            course.Record(Phase.Loaded, StepOutcome.Failed, reason);
            return null;
        }
        return new Conclusion(
            OperationState.Failed,
            Phase.Loaded,
            $"{course.Target} was not begun: its agent did not do; what ran before runs on, untouched",
            reason,
            ""
        );
    }

    private static string NameOf(ReleaseAgent agent) => agent.Program.Digest["sha256:".Length..];
}
