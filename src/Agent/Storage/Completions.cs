namespace Appliance.Agent.Storage;

/// <param name="Slot"><c>service/replica</c>.</param>
/// <param name="ConfigHash">Of the service as it was declared then: a changed one runs again.</param>
internal sealed record Completion(string Slot, string ConfigHash, DateTimeOffset At, int ExitCode);

/// <summary>
/// Which one-shot services have run to their end, so that their containers may be removed. A slot has one for each of its
/// latest definitions: on the way back to a release, what it has done already is not done again.
/// </summary>
internal sealed class Completions(Database database, ILogger<Completions> log)
{
    private const int KeptOfASlot = 8;

    private readonly Lock gate = new();
    private readonly SlotTable<Completion[]> records = new(
        database,
        log,
        "completions",
        database
            .Read(c =>
                c.Rows(
                    "SELECT slot, config_hash, at, exit_code FROM completions ORDER BY slot, at",
                    r => new Completion(r.GetString(0), r.GetString(1), r.Time(2), r.GetInt32(3))
                )
            )
            .GroupBy(c => c.Slot)
            .Select(g => KeyValuePair.Create(g.Key, g.ToArray())),
        (c, ofSlot) =>
        {
            c.Execute("DELETE FROM completions WHERE slot = ?1", ofSlot[0].Slot);
            foreach (var r in ofSlot)
                c.Execute(
                    "INSERT INTO completions (slot, config_hash, at, exit_code) VALUES (?1, ?2, ?3, ?4)",
                    r.Slot,
                    r.ConfigHash,
                    r.At.ToUnixTimeMilliseconds(),
                    r.ExitCode
                );
        }
    );

    public Completion? Of(string slot, string configHash) =>
        records.Of(slot)?.FirstOrDefault(c => c.ConfigHash == configHash);

    /// <summary>Remembers it in place of an earlier one of the same definition, and forgets the oldest of too many.</summary>
    public void Put(Completion c)
    {
        lock (gate)
            records.Put(c.Slot, [.. Others(c.Slot, c.ConfigHash).TakeLast(KeptOfASlot - 1), c]);
    }

    /// <summary>As one definition of the slot it is to run again.</summary>
    /// <returns>Whether it outlives the agent already.</returns>
    public bool Forget(string slot, string configHash)
    {
        lock (gate)
            return Others(slot, configHash).ToArray() is { Length: > 0 } left
                ? records.Put(slot, left)
                : records.Forget(slot);
    }

    private IEnumerable<Completion> Others(string slot, string configHash) =>
        (records.Of(slot) ?? []).Where(c => c.ConfigHash != configHash);
}
