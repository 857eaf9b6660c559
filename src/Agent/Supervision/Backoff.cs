using Appliance.Agent.Storage;

namespace Appliance.Agent.Supervision;

/// <summary>When a slot may be tried again. Pure: the same record gives the same time, jitter included.</summary>
/// <param name="First">The wait after the second failure in a row; the first is answered at once.</param>
/// <param name="Ceiling">The longest wait. There is no last try.</param>
/// <param name="Stable">A run of this length forgives what was before it.</param>
internal sealed record Backoff(TimeSpan First, TimeSpan Ceiling, TimeSpan Stable)
{
    /// <summary>Failures in a row from which on a person should look.</summary>
    public const int AlarmAt = 5;

    /// <summary>The streak that counts, given how long the last run lasted and what is wrong now.</summary>
    public int StreakAfter(RestartRecord? record, TimeSpan ranFor, Cause cause)
    {
        if (record is null || ranFor >= Stable)
            return 0;
        var met = Causes.On(record.Causes).ToList();
        if (met.Count == 0 || cause.IsOfMachine())
            return record.Streak;
        // What the machine had is over. Any other cause is a new beginning once: two that take turns are not one each time.
        return met[^1].IsOfMachine() || !met.Contains(cause) ? 0 : record.Streak;
    }

    /// <summary>How long to wait before the try that follows <paramref name="streak"/> tries in a row.</summary>
    public TimeSpan DelayAfter(int streak, string slot, int? maxFailures = null, Cause cause = Cause.Ended)
    {
        if (streak <= 0)
            return TimeSpan.Zero;
        var doublings = Math.Min(streak - 1, 30);
        var delay =
            maxFailures <= streak || cause.IsOfMachine()
                ? Ceiling
                : TimeSpan.FromTicks(Math.Min(Ceiling.Ticks, First.Ticks << doublings));

        // Slots that failed together (a dependency came back) must not all start in the same instant.
        var seed = StableHash(slot) + (uint)streak * 2654435761u;
        return delay * (0.8 + 0.4 * (seed % 1000 / 1000.0));
    }

    /// <summary>The record to keep before the try.</summary>
    public RestartRecord Next(
        RestartRecord? record,
        string slot,
        int streak,
        Cause cause,
        DateTimeOffset now,
        string reason
    ) =>
        new(slot, (record?.Count ?? 0) + 1, streak + 1, now, now + DelayAfter(streak + 1, slot, null, cause), reason)
        {
            Causes = Causes.Record(MetWith(record, streak, cause)),
        };

    private static IEnumerable<Cause> MetWith(RestartRecord? record, int streak, Cause cause)
    {
        var met = Causes.On(record?.Causes ?? "").ToList();
        // A row that begins anew with a cause that was met before was forgiven for another reason.
        return streak == 0 && met.Contains(cause) ? [cause] : [.. met.Where(c => c != cause), cause];
    }

    // string.GetHashCode differs from process to process; a wait must not change with a restart of the agent.
    private static uint StableHash(string text) => text.Aggregate(2166136261u, (hash, c) => (hash ^ c) * 16777619u);
}
