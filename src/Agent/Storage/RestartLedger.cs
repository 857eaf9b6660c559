namespace Appliance.Agent.Storage;

/// <param name="Slot"><c>service/replica</c>.</param>
/// <param name="Count">Restarts since the container was created.</param>
/// <param name="Streak">Restarts in a row without a good run between them.</param>
/// <param name="NextAt">Before this time no start is tried.</param>
internal sealed record RestartRecord(
    string Slot,
    int Count,
    int Streak,
    DateTimeOffset LastAt,
    DateTimeOffset NextAt,
    string LastReason
)
{
    /// <summary>What those tries were made for, as words between blanks; the last of them is what the last try was for.</summary>
    public string Causes { get; init; } = "";
}

/// <summary>How often and when each slot was restarted, so that backoff outlives the agent.</summary>
internal sealed class RestartLedger(Database database, ILogger<RestartLedger> log)
{
    private readonly SlotTable<RestartRecord> records = new(
        database,
        log,
        "restarts",
        database.Read(c =>
            c.Rows(
                "SELECT slot, count, streak, last_at, next_at, last_reason, causes FROM restarts",
                r =>
                    KeyValuePair.Create(
                        r.GetString(0),
                        new RestartRecord(
                            r.GetString(0),
                            r.GetInt32(1),
                            r.GetInt32(2),
                            r.Time(3),
                            r.Time(4),
                            r.GetString(5)
                        )
                        {
                            Causes = r.GetString(6),
                        }
                    )
            )
        ),
        (c, r) =>
            c.Execute(
                """
                INSERT OR REPLACE INTO restarts (slot, count, streak, last_at, next_at, last_reason, causes)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                """,
                r.Slot,
                r.Count,
                r.Streak,
                r.LastAt.ToUnixTimeMilliseconds(),
                r.NextAt.ToUnixTimeMilliseconds(),
                r.LastReason,
                r.Causes
            )
    );

    public RestartRecord? Of(string slot) => records.Of(slot);

    /// <returns>Whether it outlives the agent already; if not, it counts from memory.</returns>
    public bool Put(RestartRecord r) => records.Put(r.Slot, r);

    public void Forget(string slot) => records.Forget(slot);
}
