using Appliance.Agent.Storage;

namespace Appliance.Agent.Supervision;

/// <summary>Everything a plan depends on. The same inputs give the same plan.</summary>
/// <param name="RestartOf">What is remembered of a slot's tries.</param>
/// <param name="CompletionOf">How a one-shot slot of a definition ended, remembered beyond its container.</param>
/// <param name="Verdicts">By container id.</param>
/// <param name="AskedRestarts">Who asked for a restart of a slot, with the reason.</param>
/// <param name="InFlight">Steps under way when the observation began, by lane.</param>
/// <param name="Failures">By lane.</param>
/// <param name="Seen">Names of what has been observed before: its absence is drift.</param>
/// <param name="Traffic">What the Ingress room sends where.</param>
/// <param name="BootedAt">What was started before the machine was cannot have run on.</param>
internal sealed record PlanningInputs(
    DesiredState Desired,
    ObservedState Observed,
    IReadOnlyDictionary<string, StopWish> Stopped,
    Func<string, RestartRecord?> RestartOf,
    Func<string, string, Completion?> CompletionOf,
    IReadOnlyDictionary<string, HealthVerdict> Verdicts,
    IReadOnlyDictionary<Slot, string> AskedRestarts,
    IReadOnlyDictionary<string, Step> InFlight,
    IReadOnlyDictionary<string, StepFailure> Failures,
    IReadOnlySet<string> Seen,
    Traffic Traffic,
    Backoff Backoff,
    DateTimeOffset BootedAt,
    DateTimeOffset Now
)
{
    /// <summary>Why a lane has to wait; null when its steps may be taken.</summary>
    // A time further away than any wait is long was set by a clock that has been put back since.
    public StepFailure? FailureOf(string lane) =>
        Failures.GetValueOrDefault(lane) is { } f && f.RetryAt > Now && f.RetryAt <= Now + 2 * Backoff.Ceiling
            ? f
            : null;

    /// <summary>Whether containers may join it: it is ours, as the release wants it, and not about to be replaced.</summary>
    public bool IsReady(string network) =>
        Observed.Networks.TryGetValue(network, out var found)
        && found.Ours
        && found.ConfigHash == Desired.Networks[network].ConfigHash
        && !InFlight.ContainsKey($"network {network}");

    public bool IsForeign(string network) => Observed.Networks.TryGetValue(network, out var found) && !found.Ours;
}

/// <param name="Completed">One-shot slots found to have ended well, to be remembered when their container is gone.</param>
/// <param name="IsTidy">There is nothing of ours that the release does not have.</param>
/// <param name="WakeAt">When time alone makes another step due.</param>
internal sealed record Plan(
    IReadOnlyList<Step> Steps,
    IReadOnlyList<ServicePlan> Services,
    IReadOnlyList<Completion> Completed,
    bool IsTidy,
    DateTimeOffset? WakeAt
);

internal sealed record ServicePlan(
    DesiredService Service,
    ServiceState State,
    string Explanation,
    IReadOnlyList<DependencyView> Dependencies,
    IReadOnlyList<SlotPlan> Slots
)
{
    /// <summary>See <see cref="DesiredState.DefinitionOf"/>.</summary>
    public required string Definition { get; init; }

    public int Ready => Slots.Count(s => s.State is ServiceState.Running);
}

internal sealed record SlotPlan(Slot Slot, ServiceState State, string Explanation)
{
    /// <summary>The container that stands for the slot; null when there is none.</summary>
    public ObservedContainer? Container { get; init; }

    /// <summary>Containers of the slot that are as another release or nobody wants them, until they are replaced.</summary>
    public IReadOnlyList<ObservedContainer> Others { get; init; } = [];

    /// <summary>Docker's check and the release's probes taken together.</summary>
    public HealthState Health { get; init; }
    public DateTimeOffset? NextAttempt { get; init; }
    public Completion? Completed { get; init; }
    public IReadOnlyList<Step> Steps { get; init; } = [];
}
