namespace Appliance.Agent.Storage;

/// <summary>What people want of an operation on its way, and how long it is to go on trying what it tries.</summary>
/// <param name="PausedBy">Who holds it; null: nobody.</param>
/// <param name="PromotedBy">Who wants what is tried now taken for proven; null: nobody.</param>
/// <param name="Trial">The service of which one container is tried; null: none is.</param>
/// <param name="Left">How long it is still to be tried.</param>
internal sealed record RolloutRecord(string? PausedBy, string? PromotedBy, string? Trial, TimeSpan Left)
{
    public static RolloutRecord None { get; } = new(null, null, null, TimeSpan.Zero);
}

/// <summary>One row for each operation that somebody held, or that tries a service: kept over a restart of the agent.</summary>
internal sealed class RolloutTable(Database database)
{
    private static readonly string OnTheWay = string.Join(
        ", ",
        Enum.GetValues<Phase>().Where(p => p < Phase.Committed).Select(p => $"'{p}'")
    );

    private TaskCompletionSource changed = NewSignal();

    /// <summary>Completes with the next change of any.</summary>
    public Task Changed => Volatile.Read(ref changed).Task;

    public RolloutRecord Of(long operation) =>
        database.Read(c =>
            c.Rows(
                    "SELECT paused_by, promoted_by, trial, trial_left FROM rollouts WHERE operation = ?1",
                    r => new RolloutRecord(r.Text(0), r.Text(1), r.Text(2), TimeSpan.FromMilliseconds(r.GetInt64(3))),
                    operation
                )
                .SingleOrDefault(RolloutRecord.None)
        );

    /// <summary>Holds an operation; whatever it tries meanwhile stays as it is.</summary>
    /// <returns>False: it has committed, or is going back.</returns>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public bool Hold(long operation, string by) =>
        Change(
            $"""
            INSERT INTO rollouts (operation, paused_by, trial_left)
            SELECT id, ?2, 0 FROM operations WHERE id = ?1 AND state = 'Running' AND phase IN ({OnTheWay})
            ON CONFLICT (operation) DO UPDATE SET paused_by = excluded.paused_by
            """,
            operation,
            by
        );

    /// <summary>Holds it no longer, and takes what it tries for proven.</summary>
    /// <returns>False: it was not held, and tries nothing.</returns>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public bool Promote(long operation, string by) =>
        Change(
            """
            UPDATE rollouts SET paused_by = NULL, promoted_by = CASE WHEN trial IS NULL THEN NULL ELSE ?2 END
            WHERE operation = ?1 AND (paused_by IS NOT NULL OR trial IS NOT NULL)
            """,
            operation,
            by
        );

    /// <exception cref="StorageException">It could not be made durable, and is not begun.</exception>
    public void BeginTrial(long operation, string service, TimeSpan left) =>
        Change(
            """
            INSERT INTO rollouts (operation, trial, trial_left) VALUES (?1, ?2, ?3)
            ON CONFLICT (operation) DO UPDATE
            SET trial = excluded.trial, trial_left = excluded.trial_left, promoted_by = NULL
            """,
            operation,
            service,
            (long)left.TotalMilliseconds
        );

    public void Spend(long operation, TimeSpan left) =>
        Change("UPDATE rollouts SET trial_left = ?2 WHERE operation = ?1", operation, (long)left.TotalMilliseconds);

    public void EndTrial(long operation) =>
        Change("UPDATE rollouts SET trial = NULL, trial_left = 0, promoted_by = NULL WHERE operation = ?1", operation);

    // One column is nobody else's business: what is read first, and then written as a whole, takes back what a person said
    // in between.
    private bool Change(string sql, params object?[] values)
    {
        var rows = database.Promise(c => c.Execute(sql, values));
        Interlocked.Exchange(ref changed, NewSignal()).TrySetResult();
        return rows > 0;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
