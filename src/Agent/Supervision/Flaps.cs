using System.Collections.Immutable;
using System.Globalization;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Supervision;

/// <summary>How many changes of health are too many.</summary>
/// <param name="Most">More than so many,</param>
/// <param name="Within">in so long, are flapping,</param>
/// <param name="Steady">until it has been healthy for this long.</param>
internal sealed record FlapRule(int Most, TimeSpan Within, TimeSpan Steady);

/// <summary>A replica that is healthy now, and was not too often lately.</summary>
/// <param name="SteadyAt">From when on it counts as healthy, if it stays so.</param>
internal sealed record Flap(int Changes, TimeSpan Within, DateTimeOffset SteadyAt);

/// <summary>
/// The changes of one replica between healthy and unhealthy. Pure; times are by a clock that nobody sets. What is between
/// the two (starting, not ready for requests) is no change: a service may say as often as it likes that it is busy.
/// </summary>
internal sealed record FlapHistory
{
    private bool? wasWell;

    public ImmutableList<TimeSpan> Changes { get; private init; } = [];

    public bool IsFlapping { get; private init; }

    public bool IsWell => wasWell == true;

    /// <param name="isWell">Null: it shows neither.</param>
    public FlapHistory On(bool? isWell, TimeSpan at, FlapRule rule)
    {
        var changes = isWell is { } now && wasWell is { } before && now != before ? Changes.Add(at) : Changes;
        var isSteady = isWell == true && (changes.IsEmpty || at - changes[^1] >= rule.Steady);
        if (IsFlapping && isSteady)
            return new() { wasWell = true };
        var late = changes.RemoveAll(c => at - c > rule.Within && c != changes[^1]);
        return this with
        {
            wasWell = isWell ?? wasWell,
            Changes = late,
            IsFlapping = IsFlapping || late.Count > rule.Most,
        };
    }
}

/// <summary>
/// Who flaps. One that does is not counted as healthy, so that ingress and updates leave it alone until it can be relied on.
/// It goes with the agent, and with another definition of the service.
/// </summary>
internal sealed class Flaps(TimeProvider clock)
{
    private readonly long begun = clock.GetTimestamp();
    private readonly Dictionary<Slot, (string Definition, FlapHistory History)> histories = [];

    /// <summary>Takes over what a plan says of health.</summary>
    /// <returns>Whether another plan is due because of it.</returns>
    public bool Look(Plan plan, FlapRule rule, Action<NewEvent> tell)
    {
        var at = clock.GetElapsedTime(begun);
        var isNews = false;
        var slots = plan.Services.SelectMany(s => s.Slots.Select(slot => (s.Service, Plan: slot))).ToList();
        foreach (var gone in histories.Keys.Except(slots.Select(s => s.Plan.Slot)).ToList())
            histories.Remove(gone);
        foreach (var (service, slot) in slots)
        {
            var before =
                histories.TryGetValue(slot.Slot, out var known) && known.Definition == service.ConfigHash
                    ? known.History
                    : new FlapHistory();
            var after = before.On(IsWell(slot.Health), at, rule);
            histories[slot.Slot] = (service.ConfigHash, after);
            isNews |= after.IsFlapping != before.IsFlapping;
            if (after.IsFlapping && !before.IsFlapping)
                tell(Begins(slot, after, rule));
        }
        return isNews;
    }

    /// <summary>By slot.</summary>
    public IReadOnlyDictionary<Slot, Flap> Current(FlapRule rule, DateTimeOffset now)
    {
        var at = clock.GetElapsedTime(begun);
        return histories
            .Where(h => h.Value.History.IsFlapping)
            .ToDictionary(
                h => h.Key,
                h =>
                {
                    var changes = h.Value.History.Changes;
                    return new Flap(changes.Count, rule.Within, now + changes[^1] + rule.Steady - at);
                }
            );
    }

    /// <summary>Somebody wants it to run, whatever it did before.</summary>
    public void Forgive(Slot slot) => histories.Remove(slot);

    private static bool? IsWell(HealthState health) =>
        health switch
        {
            HealthState.Healthy or HealthState.Flapping => true,
            HealthState.Unhealthy => false,
            _ => null,
        };

    private static NewEvent Begins(SlotPlan slot, FlapHistory history, FlapRule rule) =>
        new(
            EventSeverity.Warning,
            "service.flapping",
            slot.Slot.Service,
            slot.Container?.Name,
            string.Create(
                CultureInfo.InvariantCulture,
                $"replica {slot.Slot.Replica} changed between healthy and unhealthy {history.Changes.Count} times within {rule.Within.TotalMinutes:0.#} min"
            ),
            string.Create(
                CultureInfo.InvariantCulture,
                $"sends it no requests until it has been healthy for {rule.Steady.TotalSeconds:0.#} s"
            )
        );
}
