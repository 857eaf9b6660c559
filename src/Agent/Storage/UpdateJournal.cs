using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <summary>
/// Which release is installed, and how far an operation on it is: each intention is here before its effect, and each
/// move from one release to another is one transaction.
/// </summary>
internal sealed class UpdateJournal
{
    private const string Columns =
        "id, kind, state, phase, product, from_digest, from_version, to_digest, to_version, actor, started, ended, sentence, reason, evidence, cancelled_by, resumed, without_snapshot, agent_before";
    private const int Kept = 200;

    private const string RecordsLost = "records-lost";
    private static readonly string[] Telling = ["installed", "releases", "operations", "snapshots"];

    private readonly Database database;
    private readonly TimeProvider clock;
    private TaskCompletionSource changed = NewSignal();

    public UpdateJournal(Database database, TimeProvider clock) => (this.database, this.clock) = (database, clock);

    /// <summary>Writes into a fresh state file what cannot be told any more.</summary>
    internal static void NoteLoss(SqliteConnection fresh, Replacement replaced)
    {
        if (replaced.Lost.Intersect(Telling).Any())
            fresh.Execute(
                "INSERT OR REPLACE INTO trust_facts (name, value) VALUES (?1, ?2)",
                RecordsLost,
                replaced.Reason
            );
    }

    /// <summary>
    /// Whether it can be told what is needed and what is not: what is not in here may be forgotten. A state file that
    /// was lost says of nothing that it is not needed; the next commit does.
    /// </summary>
    public bool KnowsAll =>
        database.NotDurableBecause is null
        && database.Read(c => c.Number("SELECT count(*) FROM trust_facts WHERE name = ?1", RecordsLost)) == 0;

    /// <summary>The release that runs when nothing else is asked for.</summary>
    public KnownRelease? Current => In("current");

    /// <summary>The release that a rollback brings back.</summary>
    public KnownRelease? Previous => In("previous");

    /// <summary>The highest version that was ever committed; nothing lower is installed as an upgrade.</summary>
    public string? Floor =>
        database.Read(c =>
            c.Rows("SELECT value FROM trust_facts WHERE name = 'floor'", r => r.GetString(0)).SingleOrDefault()
        );

    public Operation? Running => Where("state = 'Running'", limit: 1).SingleOrDefault();

    /// <summary>Completes with the next change of any operation.</summary>
    public Task Changed => Volatile.Read(ref changed).Task;

    public Operation? Find(long id) => Where($"id = {id}", limit: 1).SingleOrDefault();

    /// <summary>Newest first.</summary>
    public IReadOnlyList<Operation> Newest(int limit) => Where("1", limit);

    public IReadOnlyList<Operation> Ended(int limit) => Where("state <> 'Running'", limit);

    public KnownRelease? Release(string digest) =>
        database.Read(c =>
            c.Rows("SELECT digest, descriptor FROM releases WHERE digest = ?1", Known, digest).SingleOrDefault()
        );

    public IReadOnlyList<OperationStep> Steps(long operation, long after = 0) =>
        database.Read(c =>
            c.Rows(
                """
                SELECT sequence, time, phase, outcome, service, text FROM operation_steps
                WHERE operation = ?1 AND sequence > ?2 ORDER BY sequence
                """,
                r => new OperationStep(
                    r.GetInt64(0),
                    r.Time(1),
                    Enum.Parse<Phase>(r.GetString(2)),
                    Enum.Parse<StepOutcome>(r.GetString(3)),
                    r.Text(4),
                    r.GetString(5)
                ),
                operation,
                after
            )
        );

    /// <summary>Begins an operation; from here on it goes on over any restart.</summary>
    /// <param name="trust">Null: nothing new becomes trusted.</param>
    /// <exception cref="StorageException">It could not be made durable, and is not begun.</exception>
    /// <exception cref="InvalidOperationException">Another one runs.</exception>
    public Operation Begin(Operation wanted, KnownRelease target, PendingTrust? trust)
    {
        var id = Change(c =>
        {
            if (c.Number("SELECT count(*) FROM operations WHERE state = 'Running'") > 0)
                throw new InvalidOperationException("another operation runs");
            c.Execute(
                "INSERT OR IGNORE INTO releases (digest, descriptor) VALUES (?1, ?2)",
                target.Digest,
                target.Descriptor
            );
            c.Execute("DELETE FROM trust_pending");
            foreach (var (role, bytes) in RolesOf(trust))
                c.Execute("INSERT INTO trust_pending (role, bytes) VALUES (?1, ?2)", role, bytes.ToArray());
            var begun = c.Number(
                """
                INSERT INTO operations (kind, state, phase, product, from_digest, from_version, to_digest, to_version, actor,
                    started, sentence, reason, evidence, resumed, without_snapshot)
                VALUES (?1, 'Running', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '', '', 0, ?11) RETURNING id
                """,
                wanted.Kind.ToString(),
                wanted.Phase.ToString(),
                wanted.Product,
                wanted.FromDigest,
                wanted.FromVersion,
                wanted.ToDigest,
                wanted.ToVersion,
                wanted.Actor,
                Now,
                wanted.Sentence,
                wanted.WithoutSnapshot
            );
            AddStep(c, begun, wanted.Phase, StepOutcome.Done, null, wanted.Sentence);
            return begun;
        });
        return Find(id)!;
    }

    /// <summary>Records a step; the operation is in its phase from then on.</summary>
    /// <exception cref="StorageException">It could not be made durable: what it announces must not be done.</exception>
    public void Record(long operation, Phase phase, StepOutcome outcome, string text, string? service = null) =>
        Change(c =>
        {
            Phases.Demand(PhaseOf(c, operation), phase);
            AddStep(c, operation, phase, outcome, service, text);
            return c.Execute(
                "UPDATE operations SET phase = ?2, sentence = ?3 WHERE id = ?1",
                operation,
                phase.ToString(),
                text
            );
        });

    /// <summary>Before another agent is chosen: that it takes over, and which one gives way to it.</summary>
    /// <exception cref="StorageException">It could not be made durable, and no other may be chosen.</exception>
    public void BeginTakeover(long operation, string from, string text) =>
        Change(c =>
        {
            AddStep(c, operation, Phase.Loaded, StepOutcome.Begun, null, text);
            return c.Execute(
                "UPDATE operations SET agent_before = coalesce(agent_before, ?2), sentence = ?3 WHERE id = ?1",
                operation,
                from,
                text
            );
        });

    /// <summary>Before anything is stopped: which volumes are to be kept, and where.</summary>
    /// <exception cref="StorageException">It could not be made durable, and nothing may be stopped.</exception>
    public void BeginSnapshot(Operation operation, IReadOnlyList<VolumeSnapshot> volumes, string text) =>
        Change(c =>
        {
            Phases.Demand(PhaseOf(c, operation.Id), Phase.Snapshotting);
            foreach (var volume in volumes)
                SnapshotTable.Put(c, volume);
            AddStep(c, operation.Id, Phase.Snapshotting, StepOutcome.Begun, null, text);
            return c.Execute(
                "UPDATE operations SET phase = 'Snapshotting', sentence = ?2 WHERE id = ?1",
                operation.Id,
                text
            );
        });

    /// <summary>What was to be kept is kept: from here on the data may be changed.</summary>
    /// <exception cref="StorageException">It could not be made durable, and nothing may be changed.</exception>
    public void HasSnapshot(Operation operation, IReadOnlyList<VolumeSnapshot> volumes, string text) =>
        Change(c =>
        {
            Phases.Demand(PhaseOf(c, operation.Id), Phase.Snapshotted);
            foreach (var volume in volumes)
                SnapshotTable.Put(c, volume);
            AddStep(c, operation.Id, Phase.Snapshotted, StepOutcome.Done, null, text);
            return c.Execute(
                "UPDATE operations SET phase = 'Snapshotted', sentence = ?2 WHERE id = ?1",
                operation.Id,
                text
            );
        });

    /// <summary>
    /// The operation by which what is installed was come to, and whose snapshot a rollback brings back; null: there is none.
    /// </summary>
    public Operation? LatestCommitted => Where("phase IN ('Committed', 'Pruned')", limit: 1).SingleOrDefault();

    /// <summary>Notes that a start of the agent found it unfinished.</summary>
    public void Resume(long operation) =>
        Change(c => c.Execute("UPDATE operations SET resumed = resumed + 1 WHERE id = ?1", operation));

    /// <summary>Somebody wants it taken back.</summary>
    public void Cancel(long operation, string by) =>
        Change(c => c.Execute("UPDATE operations SET cancelled_by = ?2 WHERE id = ?1", operation, by));

    /// <summary>From here on it is taken back, whatever happens.</summary>
    public void TurnBack(long operation, string text, string reason, string evidence) =>
        Change(c =>
        {
            Phases.Demand(PhaseOf(c, operation), Phase.RollingBack);
            AddStep(c, operation, Phase.RollingBack, StepOutcome.Begun, null, text);
            return c.Execute(
                "UPDATE operations SET phase = 'RollingBack', sentence = ?2, reason = ?3, evidence = ?4 WHERE id = ?1",
                operation,
                text,
                reason,
                evidence
            );
        });

    /// <summary>
    /// The point of no return: the target is what runs, what is pending is trusted, and the floor rises to it.
    /// </summary>
    /// <returns>False: somebody has cancelled it before, or holds it.</returns>
    public bool Commit(Operation operation, string text) =>
        Change(c =>
        {
            const string mayCommit = """
                SELECT count(*) FROM operations o WHERE id = ?1 AND cancelled_by IS NULL
                    AND NOT EXISTS (SELECT 1 FROM rollouts WHERE operation = o.id AND paused_by IS NOT NULL)
                """;
            if (c.Number(mayCommit, operation.Id) == 0)
                return false;
            Phases.Demand(PhaseOf(c, operation.Id), Phase.Committed);
            c.Execute("DELETE FROM trust_facts WHERE name = ?1", RecordsLost);
            c.Execute("DELETE FROM installed WHERE slot = 'previous'");
            // What was rolled back from is not kept: an upgrade brings it again.
            if (operation is { Kind: OperationKind.Upgrade, FromDigest: { } from })
                c.Execute("INSERT INTO installed (slot, digest) VALUES ('previous', ?1)", from);
            c.Execute("INSERT OR REPLACE INTO installed (slot, digest) VALUES ('current', ?1)", operation.ToDigest);
            c.Execute("INSERT OR REPLACE INTO trust (role, version, bytes) SELECT role, 0, bytes FROM trust_pending");
            c.Execute("DELETE FROM trust_pending");
            if (operation.Kind is not OperationKind.Rollback)
                c.Execute("INSERT OR REPLACE INTO trust_facts (name, value) VALUES ('floor', ?1)", operation.ToVersion);
            AddStep(c, operation.Id, Phase.Committed, StepOutcome.Done, null, text);
            c.Execute("UPDATE operations SET phase = 'Committed', sentence = ?2 WHERE id = ?1", operation.Id, text);
            return true;
        });

    /// <summary>Ends an operation, and forgets the releases that nothing refers to any more.</summary>
    public void End(
        long operation,
        OperationState state,
        Phase phase,
        string sentence,
        string reason,
        string evidence
    ) =>
        Change(c =>
        {
            AddStep(
                c,
                operation,
                phase,
                state is OperationState.Done ? StepOutcome.Done : StepOutcome.Failed,
                null,
                sentence
            );
            c.Execute("DELETE FROM trust_pending");
            c.Execute(
                """
                UPDATE operations SET state = ?2, phase = ?3, sentence = ?4, reason = ?5, evidence = ?6, ended = ?7
                WHERE id = ?1
                """,
                operation,
                state.ToString(),
                phase.ToString(),
                sentence,
                reason,
                evidence,
                Now
            );
            c.Execute("DELETE FROM releases WHERE digest NOT IN (SELECT digest FROM installed)");
            // The one by which what is installed was come to says what a rollback does to data, however long ago it was.
            return c.Execute(
                """
                DELETE FROM operations WHERE id <= ?1
                    AND id <> coalesce((SELECT max(id) FROM operations WHERE phase IN ('Committed', 'Pruned')), 0)
                """,
                operation - Kept
            );
        });

    /// <summary>Ids of images that were given to the engine, and have not been taken from it again.</summary>
    public IReadOnlyList<string> LoadedImages =>
        database.Read(c => c.Rows("SELECT id FROM loaded_images", r => r.GetString(0)));

    /// <summary>Before an engine is given images: they are ours to take away again, and not whole until it is said.</summary>
    /// <param name="boot">Which boot of the machine this is.</param>
    public void WillLoad(IReadOnlyCollection<string> ids, string boot) =>
        Promise(c =>
            ids.Sum(id =>
                c.Execute("INSERT OR IGNORE INTO loaded_images (id) VALUES (?1)", id)
                + c.Execute("INSERT OR REPLACE INTO unsettled_images (id, boot) VALUES (?1, ?2)", id, boot)
            )
        );

    /// <summary>What was given to the engine is on its disk.</summary>
    /// <param name="bytes">How much was sent for it.</param>
    public void HasLoaded(long operation, IReadOnlyCollection<string> ids, long bytes) =>
        Promise(c =>
            ids.Sum(id => c.Execute("DELETE FROM unsettled_images WHERE id = ?1", id))
            + c.Execute("INSERT OR REPLACE INTO loads (operation, bytes) VALUES (?1, ?2)", operation, bytes)
        );

    /// <summary>Bytes that an operation has sent to the engine; 0 where it is not known.</summary>
    public long BytesLoaded(long operation) =>
        database.Read(c => c.Number("SELECT coalesce(sum(bytes), 0) FROM loads WHERE operation = ?1", operation));

    /// <summary>Images that the engine was being given when the machine went down: they may be there in part.</summary>
    /// <param name="boot">Which boot of the machine this is.</param>
    public IReadOnlySet<string> DoubtfulImages(string boot) =>
        database.Read(c =>
            c.Rows("SELECT id FROM unsettled_images WHERE boot <> ?1", r => r.GetString(0), boot).ToHashSet()
        );

    public void Unloaded(string id) =>
        Promise(c =>
            c.Execute("DELETE FROM loaded_images WHERE id = ?1", id)
            + c.Execute("DELETE FROM unsettled_images WHERE id = ?1", id)
        );

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static Phase PhaseOf(SqliteConnection c, long operation) =>
        Enum.Parse<Phase>(
            c.Rows("SELECT phase FROM operations WHERE id = ?1", r => r.GetString(0), operation).Single()
        );

    private KnownRelease? In(string slot) =>
        database.Read(c =>
            c.Rows("SELECT digest, descriptor FROM installed JOIN releases USING (digest) WHERE slot = ?1", Known, slot)
                .SingleOrDefault()
        );

    private List<Operation> Where(string condition, int limit) =>
        database.Read(c =>
            c.Rows($"SELECT {Columns} FROM operations WHERE {condition} ORDER BY id DESC LIMIT ?1", Row, limit)
        );

    private T Change<T>(Func<SqliteConnection, T> change)
    {
        Failpoint.Before(Failpoint.Journal);
        var result = database.Promise(change);
        Failpoint.After(Failpoint.Journal);
        Interlocked.Exchange(ref changed, NewSignal()).SetResult();
        return result;
    }

    private void Promise(Func<SqliteConnection, int> change) => database.Promise(change);

    private void AddStep(
        SqliteConnection c,
        long operation,
        Phase phase,
        StepOutcome outcome,
        string? service,
        string text
    ) =>
        c.Execute(
            """
            INSERT INTO operation_steps (operation, sequence, time, phase, outcome, service, text)
            SELECT ?1, coalesce(max(sequence), 0) + 1, ?2, ?3, ?4, ?5, ?6 FROM operation_steps WHERE operation = ?1
            """,
            operation,
            Now,
            phase.ToString(),
            outcome.ToString(),
            service,
            text
        );

    private static IEnumerable<(string Role, ReadOnlyMemory<byte> Bytes)> RolesOf(PendingTrust? trust) =>
        trust is null ? [] : [("timestamp", trust.Timestamp), ("snapshot", trust.Snapshot), ("targets", trust.Targets)];

    private static KnownRelease Known(SqliteDataReader r) => new(r.GetString(0), r.GetFieldValue<byte[]>(1));

    private static Operation Row(SqliteDataReader r) =>
        new(
            r.GetInt64(0),
            Enum.Parse<OperationKind>(r.GetString(1)),
            Enum.Parse<OperationState>(r.GetString(2)),
            Enum.Parse<Phase>(r.GetString(3)),
            r.GetString(4),
            r.Text(5),
            r.GetString(6),
            r.GetString(7),
            r.GetString(8),
            r.GetString(9),
            r.Time(10),
            r.IsDBNull(11) ? null : r.Time(11),
            r.GetString(12),
            r.GetString(13),
            r.GetString(14),
            r.Text(15),
            r.GetInt32(16)
        )
        {
            WithoutSnapshot = r.Text(17),
            AgentBefore = r.Text(18),
        };

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
