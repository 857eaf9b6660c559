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
                return Failed(course, $"the agent {agent.Version} was gone back from: {why}");
            else if (tries == MostTries)
                return Failed(
                    course,
                    $"the agent {agent.Version} was to take over {tries} times, and did not come to it"
                );
            course.Record(Phase.Loaded, StepOutcome.Begun, $"the agent {agent.Version} takes over");
            await ChooseAsync(course.To.Content, ct);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return Failed(course, $"the agent {agent.Version} cannot be put in its place: {e.Message}");
        }
        await EndAsync(ct);
        return null;
    }

    /// <summary>Why an operation cannot go on under this agent: the one that had taken over for it was gone back from.</summary>
    public string? ProblemOf(Course course) =>
        course.To.Content.Document.Agent is { } agent
        && versions.IsGuarded
        && !versions.Is(NameOf(agent))
        && TriesOf(course.Operation) > 0
            ? $"the agent {agent.Version} had taken over, and was gone back from: {versions.RefusalOf(NameOf(agent)) ?? "its guardian does not say why"}"
            : null;

    /// <summary>
    /// While nothing is under way, the agent of the installed release is the one to run: after an operation that was taken
    /// back that is the one before. One that was gone back from stays so, with an alarm.
    /// </summary>
    public async Task SettleAsync(CancellationToken ct)
    {
        if (!versions.IsGuarded || journal.Current is not { } current)
            return;
        try
        {
            var release = await releases.ReadAsync(current, ct);
            if (NextOf(release) is not { } version)
            {
                refusal = null;
                return;
            }
            if (versions.RefusalOf(NameOf(release.Document.Agent!)) is { } why)
            {
                // Told once.
                if (refusal == why)
                    return;
                refusal = why;
                events.Append(
                    new(
                        EventSeverity.Error,
                        "agent.refused",
                        null,
                        null,
                        $"the agent {version} of {release.Descriptor.Product} {release.Descriptor.Version} was gone back from: {why}",
                        "runs on in another version; sending the release's bundle again tries it again"
                    )
                );
                return;
            }
            refusal = null;
            await ChooseAsync(release, ct);
            events.Append(
                new(
                    EventSeverity.Info,
                    "agent.chosen",
                    null,
                    null,
                    $"{release.Descriptor.Product} {release.Descriptor.Version} has the agent {version}, and another runs",
                    "ends, so that it takes over"
                )
            );
        }
        catch (Exception e)
            when (e is IOException or UnauthorizedAccessException or InvalidDataException or RefusedException)
        {
            events.Append(
                new(
                    EventSeverity.Warning,
                    "agent.refused",
                    null,
                    null,
                    $"the agent of the installed release cannot be put in its place: {e.Message}",
                    "runs on in another version, and tries again in an hour"
                )
            );
            return;
        }
        await EndAsync(ct);
    }

    /// <summary>Somebody has sent the installed release once more: what was gone back from is tried again.</summary>
    /// <exception cref="IOException">That it was cannot be forgotten.</exception>
    public void TryAgain()
    {
        if (versions.IsGuarded)
            versions.ForgetRefusal();
    }

    /// <summary>Removes the agents that no release needs that is kept.</summary>
    public void Collect(IEnumerable<ReleaseContent> kept) =>
        versions.Collect(kept.Select(k => k.Document.Agent).OfType<ReleaseAgent>().Select(NameOf).ToHashSet());

    private async Task ChooseAsync(ReleaseContent release, CancellationToken ct)
    {
        var (agent, layer) = (release.Document.Agent!, release.AgentImage!.Layers[0]);
        var stored = store.StoredAs(layer);
        await versions.PlaceAsync(
            NameOf(agent),
            async file =>
            {
                await using var from = store.OpenRead(stored);
                await AgentImage.CopyProgramAsync(from, layer.IsGzip && stored != layer.Tar, agent.Program, file, ct);
            }
        );
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

    private static Conclusion Failed(Course course, string reason) =>
        new(
            OperationState.Failed,
            Phase.Loaded,
            $"{course.Target} was not begun: its agent did not do; what ran before runs on, untouched",
            reason,
            ""
        );

    private static string NameOf(ReleaseAgent agent) => agent.Program.Digest["sha256:".Length..];
}
