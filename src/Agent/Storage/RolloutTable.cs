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

    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public void Put(long operation, RolloutRecord record)
    {
        database.Promise(c =>
            c.Execute(
                """
                INSERT OR REPLACE INTO rollouts (operation, paused_by, promoted_by, trial, trial_left)
                VALUES (?1, ?2, ?3, ?4, ?5)
                """,
                operation,
                record.PausedBy,
                record.PromotedBy,
                record.Trial,
                (long)record.Left.TotalMilliseconds
            )
        );
        Interlocked.Exchange(ref changed, NewSignal()).TrySetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
