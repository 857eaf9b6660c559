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
/// <param name="LeavingSince">Since when a container waits for its requests to end, by its id.</param>
/// <param name="ReadySince">Since when a container is as its service is to be, by its id.</param>
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
    IReadOnlyDictionary<string, DateTimeOffset> LeavingSince,
    IReadOnlyDictionary<string, DateTimeOffset> ReadySince,
    Backoff Backoff,
    DateTimeOffset BootedAt,
    DateTimeOffset Now
)
{
    private static readonly HashSet<Slot> NoSlots = [];
    private static readonly Dictionary<Slot, Flap> NoFlaps = [];

    /// <summary>Slots for which somebody asked for another container.</summary>
    public IReadOnlySet<Slot> AskedAnew { get; init; } = NoSlots;

    /// <summary>Who changed between healthy and unhealthy too often lately.</summary>
    public IReadOnlyDictionary<Slot, Flap> Flapping { get; init; } = NoFlaps;

    /// <summary>What is tried for what is not well, and what ails the machine.</summary>
    public Care Care { get; init; } = Care.Default;

    /// <summary>How often what was done, as far as it has a budget of its own.</summary>
    public IReadOnlyList<RungRecord> Spent { get; init; } = [];

    /// <summary>While somebody works on the appliance by hand, nothing is repaired; null: nobody does.</summary>
    public Hold? Hold { get; init; }

    /// <summary>The change of release that is under way, as a sentence names it; null: none is.</summary>
    public string? UnderWay { get; init; }

    /// <summary>Whether what is found is left as it is. What is under way is not stopped half-way.</summary>
    public bool IsHeld => Hold is not null && UnderWay is null;

    /// <summary>Whether it uses a volume that is to be left as it is.</summary>
    public bool UsesStill(ObservedContainer container) => container.Volumes.Any(Desired.Still.Contains);

    /// <summary>Whether it is the agent's to stop: ours, or in the place of one that is.</summary>
    public bool CanStop(ObservedContainer container) =>
        container.Ours
        || container is { ForeignOwner: null, Slot: { } slot } && Desired.Service(slot.Service)?.Has(slot) == true;

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

/// <param name="Orphans">Containers of ours that are of no replica that the release has.</param>
/// <param name="Completed">One-shot slots found to have ended well, to be remembered when their container is gone.</param>
/// <param name="IsTidy">There is nothing of ours that the release does not have.</param>
/// <param name="IsStill">Nothing of ours uses what nobody may use, and nobody from outside gets through, if nobody is to.</param>
/// <param name="WakeAt">When time alone makes another step due.</param>
internal sealed record Plan(
    IReadOnlyList<Step> Steps,
    IReadOnlyList<ServicePlan> Services,
    IReadOnlyList<OrphanPlan> Orphans,
    IReadOnlyList<Completion> Completed,
    bool IsTidy,
    bool IsStill,
    DateTimeOffset? WakeAt
);

/// <param name="Step">What ends it; null: it is on its way already, or its requests are waited for.</param>
/// <param name="IsLeaving">Whether ingress is to take it out.</param>
/// <param name="WakeAt">When it is waited for no longer.</param>
internal sealed record OrphanPlan(ObservedContainer Container, Step? Step, bool IsLeaving, DateTimeOffset? WakeAt)
{
    /// <summary>Whether requests still come to it by its service's routes, which that is no longer of the release.</summary>
    public bool KeepsRoutes { get; init; }
}

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

    /// <summary>As <see cref="Definition"/>, of what is tried.</summary>
    public string CanaryDefinition { get; init; } = "";

    /// <summary>The container that is tried as the next release has it; null: none is.</summary>
    public SlotPlan? Canary { get; init; }

    public IEnumerable<SlotPlan> AllSlots => Canary is { } canary ? Slots.Append(canary) : Slots;

    /// <summary>When time alone makes it the turn of another replica; null: it does not.</summary>
    public DateTimeOffset? NextTurnAt { get; init; }

    public int Ready => Slots.Count(s => s.State is ServiceState.Running);
}

internal sealed record SlotPlan(Slot Slot, ServiceState State, string Explanation)
{
    private static readonly Dictionary<string, string> NoneLeave = [];

    /// <summary>Whether its container is as the service is to be.</summary>
    public bool IsReady => State is ServiceState.Running;

    /// <summary>The container that stands for the slot; null when there is none.</summary>
    public ObservedContainer? Container { get; init; }

    /// <summary>Containers of the slot that are as another release or nobody wants them, until they are replaced.</summary>
    public IReadOnlyList<ObservedContainer> Others { get; init; } = [];

    /// <summary>Docker's check and the release's probes taken together.</summary>
    public HealthState Health { get; init; }
    public DateTimeOffset? NextAttempt { get; init; }

    /// <summary>Containers of the slot that are to end once ingress has taken them out, with the reason, by id.</summary>
    public IReadOnlyDictionary<string, string> Leaving { get; init; } = NoneLeave;

    /// <summary>When time alone changes what is to be done; null: it does not.</summary>
    public DateTimeOffset? WakeAt { get; init; }
    public Completion? Completed { get; init; }

    /// <summary>What it has, when it is not well.</summary>
    public Ailment? Ailment { get; init; }

    /// <summary>What its next try would have been, and why it is not done; null: nothing is held back.</summary>
    public string? Refusal { get; init; }

    /// <summary>Why what somebody asked for is not done at all; null: it is done in its turn.</summary>
    public string? Denial { get; init; }
    public IReadOnlyList<Step> Steps { get; init; } = [];
}
