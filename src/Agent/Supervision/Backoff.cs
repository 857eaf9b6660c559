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

    /// <summary>The streak that counts, given how long the last run lasted.</summary>
    public int StreakAfter(RestartRecord? record, TimeSpan ranFor) =>
        record is null || ranFor >= Stable ? 0 : record.Streak;

    /// <summary>How long to wait before the try that follows <paramref name="streak"/> tries in a row.</summary>
    public TimeSpan DelayAfter(int streak, string slot, int? maxFailures = null)
    {
        if (streak <= 0)
            return TimeSpan.Zero;
        var doublings = Math.Min(streak - 1, 30);
        var delay =
            maxFailures <= streak ? Ceiling : TimeSpan.FromTicks(Math.Min(Ceiling.Ticks, First.Ticks << doublings));

        // Slots that failed together (a dependency came back) must not all start in the same instant.
        var seed = StableHash(slot) + (uint)streak * 2654435761u;
        return delay * (0.8 + 0.4 * (seed % 1000 / 1000.0));
    }

    /// <summary>The record to keep before the try.</summary>
    public RestartRecord Next(RestartRecord? record, string slot, int streak, DateTimeOffset now, string reason) =>
        new(slot, (record?.Count ?? 0) + 1, streak + 1, now, now + DelayAfter(streak + 1, slot), reason);

    // string.GetHashCode differs from process to process; a wait must not change with a restart of the agent.
    private static uint StableHash(string text) => text.Aggregate(2166136261u, (hash, c) => (hash ^ c) * 16777619u);
}
