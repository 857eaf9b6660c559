using Appliance.Agent.Storage;

namespace Appliance.Agent.Supervision;

/// <summary>How often one thing may be done about one cause. Pure.</summary>
/// <param name="First">The wait after the first time; it doubles with each further one.</param>
/// <param name="Ceiling">The longest wait. There is no last time.</param>
/// <param name="Refill">A time this long without it forgives what was before; longer than any wait.</param>
internal sealed record Budget(TimeSpan First, TimeSpan Ceiling, TimeSpan Refill)
{
    /// <summary>Not before; null: it may be done now.</summary>
    public static DateTimeOffset? NotBefore(RungRecord? record, DateTimeOffset now) =>
        record is not null && record.NextAt > now ? record.NextAt : null;

    /// <summary>How often it was done, as far as that still counts.</summary>
    public int Spent(RungRecord? record, DateTimeOffset now) =>
        record is null || now - record.LastAt >= Refill ? 0 : record.Count;

    /// <summary>The record to keep before it is done.</summary>
    public RungRecord Spend(
        RungRecord? record,
        (string Rung, string Scope, string Cause) what,
        DateTimeOffset now,
        string reason
    )
    {
        var before = Spent(record, now);
        var wait = TimeSpan.FromTicks(Math.Min(Ceiling.Ticks, First.Ticks << Math.Min(before, 20)));
        return new RungRecord(
            what.Rung,
            what.Scope,
            what.Cause,
            before + 1,
            before == 0 ? now : record!.FirstAt,
            now,
            now + wait,
            reason
        );
    }

    /// <summary>
    /// The records that a clock which was put back has left in the future: each waits as long as it was to wait, from now on.
    /// Otherwise it would wait for a time that was never meant, or for none.
    /// </summary>
    public static IReadOnlyList<RungRecord> Displaced(IEnumerable<RungRecord> records, DateTimeOffset now) =>
        [
            .. records
                .Where(r => r.LastAt > now)
                .Select(r => r with { FirstAt = now, LastAt = now, NextAt = now + (r.NextAt - r.LastAt) }),
        ];

    /// <summary>The records once the clock was set: what is left of each wait stays as long as it was.</summary>
    public static IReadOnlyList<RungRecord> Shifted(IEnumerable<RungRecord> records, TimeSpan by) =>
        [.. records.Select(r => r with { FirstAt = r.FirstAt + by, LastAt = r.LastAt + by, NextAt = r.NextAt + by })];
}
