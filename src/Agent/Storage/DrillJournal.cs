using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <summary>
/// The drills, and how far the one that runs is: what undoes a disaster is durable before the disaster, so that a start of the
/// agent finds all that is to be undone.
/// </summary>
internal sealed class DrillJournal(Database database, TimeProvider clock)
{
    private const int Kept = 50;

    private const string Columns =
        "id, state, actor, is_short, started, until, ended, product, version, sentence, reason, cancelled_by";

    private const string DisasterColumns = """
        number, name, service, phase, undo_kind, undo_subject, undo_value, boot, ticks, outcome, why, target, asked, detected,
        detected_by, detect_within, recovered, recover_within, from_undo, requests, lost, gap
        """;

    private TaskCompletionSource changed = NewSignal();

    public Drill? Running => Where("state = 'Running'", limit: 1).SingleOrDefault();

    /// <summary>Completes with the next change of any drill.</summary>
    public Task Changed => Volatile.Read(ref changed).Task;

    public Drill? Find(long id) => Where($"id = {id}", limit: 1).SingleOrDefault();

    /// <summary>Newest first.</summary>
    public IReadOnlyList<Drill> Newest(int limit) => Where("1", limit);

    /// <summary>In the order in which they are brought about.</summary>
    public IReadOnlyList<DisasterRecord> Disasters(long drill) =>
        database.Read(c =>
            c.Rows($"SELECT {DisasterColumns} FROM disasters WHERE drill = ?1 ORDER BY number", Disaster, drill)
        );

    public IReadOnlyList<DrillStep> Steps(long drill, long after = 0) =>
        database.Read(c =>
            c.Rows(
                "SELECT sequence, time, disaster, outcome, text FROM drill_steps WHERE drill = ?1 AND sequence > ?2 ORDER BY sequence",
                r => new DrillStep(
                    r.GetInt64(0),
                    r.Time(1),
                    r.GetString(2),
                    Enum.Parse<StepOutcome>(r.GetString(3)),
                    r.GetString(4)
                ),
                drill,
                after
            )
        );

    /// <summary>Begins a drill; from here on it goes on over any restart.</summary>
    /// <exception cref="StorageException">It could not be made durable, and is not begun.</exception>
    /// <exception cref="InvalidOperationException">Another one runs.</exception>
    public Drill Begin(Drill wanted, IReadOnlyList<(string Name, string Service)> disasters)
    {
        var id = Change(c =>
        {
            if (c.Number("SELECT count(*) FROM drills WHERE state = 'Running'") > 0)
                throw new InvalidOperationException("another drill runs");
            var begun = c.Number(
                """
                INSERT INTO drills (state, actor, is_short, started, until, product, version, sentence, reason)
                VALUES ('Running', ?1, ?2, ?3, ?4, ?5, ?6, ?7, '') RETURNING id
                """,
                wanted.Actor,
                wanted.IsShort ? 1 : 0,
                wanted.StartedAt.ToUnixTimeMilliseconds(),
                wanted.Until.ToUnixTimeMilliseconds(),
                wanted.Product,
                wanted.Version,
                wanted.Sentence
            );
            foreach (var (number, (name, service)) in disasters.Index())
                Write(
                    c,
                    begun,
                    new(number + 1, name, service, DisasterPhase.Planned, null, "", 0, DisasterResult.Pending)
                );
            AddStep(c, begun, "", StepOutcome.Done, wanted.Sentence);
            c.Execute("DELETE FROM drills WHERE id <= ?1", begun - Kept);
            return begun;
        });
        return Find(id)!;
    }

    /// <summary>Records how far a disaster is, with a step that tells it.</summary>
    /// <exception cref="StorageException">It could not be made durable: what it announces must not be done.</exception>
    public void Record(long drill, DisasterRecord disaster, StepOutcome outcome, string text) =>
        Change(c =>
        {
            Write(c, drill, disaster);
            AddStep(c, drill, disaster.Name, outcome, text);
            return c.Execute("UPDATE drills SET sentence = ?2 WHERE id = ?1", drill, text);
        });

    /// <summary>Tells what is done now.</summary>
    public void Tell(long drill, string disaster, string text) =>
        Change(c =>
        {
            AddStep(c, drill, disaster, StepOutcome.Done, text);
            return c.Execute("UPDATE drills SET sentence = ?2 WHERE id = ?1", drill, text);
        });

    /// <summary>Somebody wants it ended.</summary>
    public void Cancel(long drill, string by) =>
        Change(c => c.Execute("UPDATE drills SET cancelled_by = ?2 WHERE id = ?1", drill, by));

    public void End(long drill, DrillState state, string sentence, string reason) =>
        Change(c =>
        {
            AddStep(c, drill, "", state is DrillState.Done ? StepOutcome.Done : StepOutcome.Failed, sentence);
            return c.Execute(
                "UPDATE drills SET state = ?2, sentence = ?3, reason = ?4, ended = ?5 WHERE id = ?1",
                drill,
                state.ToString(),
                sentence,
                reason,
                clock.GetUtcNow().ToUnixTimeMilliseconds()
            );
        });

    private List<Drill> Where(string condition, int limit) =>
        database.Read(c =>
            c.Rows($"SELECT {Columns} FROM drills WHERE {condition} ORDER BY id DESC LIMIT ?1", Row, limit)
        );

    private T Change<T>(Func<SqliteConnection, T> change)
    {
        Failpoint.Before(Failpoint.Journal);
        var result = database.Promise(change);
        Failpoint.After(Failpoint.Journal);
        Interlocked.Exchange(ref changed, NewSignal()).SetResult();
        return result;
    }

    private void AddStep(SqliteConnection c, long drill, string disaster, StepOutcome outcome, string text) =>
        c.Execute(
            """
            INSERT INTO drill_steps (drill, sequence, time, disaster, outcome, text)
            SELECT ?1, coalesce(max(sequence), 0) + 1, ?2, ?3, ?4, ?5 FROM drill_steps WHERE drill = ?1
            """,
            drill,
            clock.GetUtcNow().ToUnixTimeMilliseconds(),
            disaster,
            outcome.ToString(),
            text
        );

    private static int Write(SqliteConnection c, long drill, DisasterRecord d) =>
        c.Execute(
            $"""
            INSERT OR REPLACE INTO disasters (drill, {DisasterColumns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
                ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)
            """,
            drill,
            d.Number,
            d.Name,
            d.Service,
            d.Phase.ToString(),
            d.Undo?.Kind.ToString(),
            d.Undo?.Subject ?? "",
            d.Undo?.Value ?? "",
            d.Boot,
            d.Ticks,
            d.Result.Outcome.ToString(),
            d.Result.Why,
            d.Result.Target,
            d.Result.Asked,
            Milliseconds(d.Result.Detected),
            d.Result.DetectedBy,
            Milliseconds(d.Result.DetectWithin),
            Milliseconds(d.Result.Recovered),
            Milliseconds(d.Result.RecoverWithin),
            d.Result.FromUndo ? 1 : 0,
            d.Result.Requests,
            d.Result.Lost,
            Milliseconds(d.Result.Gap)
        );

    private static Drill Row(SqliteDataReader r) =>
        new(
            r.GetInt64(0),
            Enum.Parse<DrillState>(r.GetString(1)),
            r.GetString(2),
            r.GetInt64(3) == 1,
            r.Time(4),
            r.Time(5),
            r.IsDBNull(6) ? null : r.Time(6),
            r.GetString(7),
            r.GetString(8),
            r.GetString(9),
            r.GetString(10),
            r.Text(11)
        );

    private static DisasterRecord Disaster(SqliteDataReader r) =>
        new(
            r.GetInt32(0),
            r.GetString(1),
            r.GetString(2),
            Enum.Parse<DisasterPhase>(r.GetString(3)),
            r.Text(4) is { } kind ? new Undo(Enum.Parse<UndoKind>(kind), r.GetString(5), r.GetString(6)) : null,
            r.GetString(7),
            r.GetInt64(8),
            new DisasterResult(
                Enum.Parse<DisasterOutcome>(r.GetString(9)),
                r.GetString(10),
                r.GetString(11),
                r.GetString(12),
                Span(r, 13),
                r.GetString(14),
                Span(r, 15),
                Span(r, 16),
                Span(r, 17),
                r.GetInt64(18) == 1,
                r.GetInt64(19),
                r.GetInt64(20),
                Span(r, 21) ?? TimeSpan.Zero
            )
        );

    private static long? Milliseconds(TimeSpan? span) => (long?)span?.TotalMilliseconds;

    private static TimeSpan? Span(SqliteDataReader r, int column) =>
        r.IsDBNull(column) ? null : TimeSpan.FromMilliseconds(r.GetInt64(column));

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
