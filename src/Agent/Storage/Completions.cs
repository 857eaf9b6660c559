namespace Appliance.Agent.Storage;

/// <param name="Slot"><c>service/replica</c>.</param>
/// <param name="ConfigHash">Of the service as it was declared then: a changed one runs again.</param>
internal sealed record Completion(string Slot, string ConfigHash, DateTimeOffset At, int ExitCode);

/// <summary>Which one-shot services have run to their end, so that their containers may be removed.</summary>
internal sealed class Completions(Database database, ILogger<Completions> log)
{
    private readonly SlotTable<Completion> records = new(
        database,
        log,
        "completions",
        database.Read(c =>
            c.Rows(
                "SELECT slot, config_hash, at, exit_code FROM completions",
                r =>
                    KeyValuePair.Create(
                        r.GetString(0),
                        new Completion(r.GetString(0), r.GetString(1), r.Time(2), r.GetInt32(3))
                    )
            )
        ),
        (c, r) =>
            c.Execute(
                "INSERT OR REPLACE INTO completions (slot, config_hash, at, exit_code) VALUES (?1, ?2, ?3, ?4)",
                r.Slot,
                r.ConfigHash,
                r.At.ToUnixTimeMilliseconds(),
                r.ExitCode
            )
    );

    public Completion? Of(string slot) => records.Of(slot);

    public void Put(Completion c) => records.Put(c.Slot, c);

    public void Forget(string slot) => records.Forget(slot);
}
