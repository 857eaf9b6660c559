using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <summary>How far an alert has come. Only <see cref="Queued"/> and <see cref="Acting"/> are not the end.</summary>
internal enum AlertState
{
    Unmatched,
    Resolved,
    Nothing,
    DryRun,
    CoolingDown,
    Queued,
    Acting,
    Done,
    Refused,
    Interrupted,
}

/// <param name="Sender">Who sent it, as in the audit record.</param>
/// <param name="Source">Which kind of system sent it.</param>
/// <param name="Fingerprint">Together with its start it is what makes two alerts the same.</param>
internal sealed record NewAlert(
    string Sender,
    string Source,
    string Fingerprint,
    DateTimeOffset StartsAt,
    bool IsResolved,
    IReadOnlyDictionary<string, string> Labels
);

/// <summary>What is to be done about an alert.</summary>
/// <param name="Why">A sentence without its full stop.</param>
internal sealed record AlertVerdict(AlertState State, string Why)
{
    /// <summary>The rule that decided it; null: none did.</summary>
    public string? Rule { get; init; }

    public AlertAction Action { get; init; }

    /// <summary>From the rule, and from nowhere else.</summary>
    public string? Service { get; init; }

    /// <summary>Since when the rule rests, from now on; null: nothing changes about that.</summary>
    public DateTimeOffset? RestsSince { get; init; }
}

/// <param name="Times">How often it was received.</param>
/// <param name="ResolvedAt">When it was first received as resolved.</param>
internal sealed record AlertRecord(
    long Id,
    DateTimeOffset ReceivedAt,
    DateTimeOffset LastSeen,
    int Times,
    DateTimeOffset? ResolvedAt,
    NewAlert Alert,
    AlertVerdict Verdict
);

/// <param name="IsNews">False: it was known before, and is as it was.</param>
internal sealed record TakenAlert(AlertRecord Record, bool IsNews);

/// <summary>
/// The alerts that were received and what was decided, which is also the queue of those to be acted on: a row is durable
/// before its sender has an answer, and says that it is being acted on before anything is done.
/// </summary>
internal sealed class AlertJournal(Database database, TimeProvider clock)
{
    /// <summary>So many alerts are kept; those that came last longest ago go first.</summary>
    public const int Kept = 1000;

    private const string Columns = """
        id, received, last_seen, times, resolved, sender, source, fingerprint, starts_at, labels, state, rule, action,
        service, why
        """;

    /// <summary>Takes alerts in, all or none. One that is known already is only counted, or noted to be over.</summary>
    /// <param name="decide">Called within the transaction, with the rules as they are.</param>
    /// <exception cref="StorageException">They could not be made durable, and are not taken in.</exception>
    public IReadOnlyList<TakenAlert> Take(
        IReadOnlyList<NewAlert> alerts,
        Func<NewAlert, IReadOnlyList<AlertRule>, AlertVerdict> decide
    ) =>
        Change(c =>
        {
            var rules = AlertRules.InOrder(c);
            var taken = new List<TakenAlert>();
            foreach (var alert in alerts)
            {
                var known = Known(c, alert);
                taken.Add(known is null ? Add(c, alert, rules, decide) : Repeat(c, known, alert));
            }
            c.Execute(
                """
                DELETE FROM alerts WHERE state NOT IN ('Queued', 'Acting')
                    AND touched <= (SELECT touched FROM alerts ORDER BY touched DESC LIMIT 1 OFFSET ?1)
                """,
                Kept
            );
            return taken;
        });

    /// <summary>The oldest that is to be acted on.</summary>
    public AlertRecord? NextQueued => Where("state = 'Queued' ORDER BY id", limit: 1).SingleOrDefault();

    public IReadOnlyList<AlertRecord> Queued => Where("state = 'Queued' ORDER BY id", Kept);

    /// <summary>Those that were being acted on: after a start of the agent, when it was cut short.</summary>
    public IReadOnlyList<AlertRecord> Acting => Where("state = 'Acting' ORDER BY id", Kept);

    /// <summary>Newest first.</summary>
    public IReadOnlyList<AlertRecord> Newest(int limit) => Where("1 ORDER BY id DESC", limit);

    public AlertRecord? Find(long id) => Where($"id = {id}", limit: 1).SingleOrDefault();

    /// <summary>Says that it is being acted on; from here on it is never begun again.</summary>
    /// <returns>False: it is not to be acted on any more.</returns>
    /// <exception cref="StorageException">It could not be made durable: what it announces must not be done.</exception>
    public bool Begin(long id) =>
        Change(c => c.Execute("UPDATE alerts SET state = 'Acting' WHERE id = ?1 AND state = 'Queued'", id)) > 0;

    /// <summary>Says what came of it.</summary>
    /// <exception cref="StorageException">It could not be made durable.</exception>
    public void End(long id, AlertState state, string why) =>
        Change(c => c.Execute("UPDATE alerts SET state = ?2, why = ?3 WHERE id = ?1", id, state.ToString(), why));

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    private TakenAlert Add(
        SqliteConnection c,
        NewAlert alert,
        List<AlertRule> rules,
        Func<NewAlert, IReadOnlyList<AlertRule>, AlertVerdict> decide
    )
    {
        var verdict = decide(alert, rules);
        if (verdict is { Rule: { } name, RestsSince: { } since })
        {
            AlertRules.Acted(c, name, since);
            // Before the next one of the same message is decided.
            var at = rules.FindIndex(r => r.Name == name);
            rules[at] = rules[at] with { LastAt = since };
        }
        c.Execute(
            """
            INSERT INTO alerts (touched, received, last_seen, times, resolved, sender, source, fingerprint, starts_at, labels,
                state, rule, action, service, why)
            SELECT coalesce(max(touched), 0) + 1, ?1, ?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 FROM alerts
            """,
            Now,
            alert.IsResolved ? Now : null,
            alert.Sender,
            alert.Source,
            alert.Fingerprint,
            alert.StartsAt.UtcTicks,
            StoredLabels.Write(alert.Labels),
            verdict.State.ToString(),
            verdict.Rule,
            verdict.Action.ToString(),
            verdict.Service,
            verdict.Why
        );
        return new TakenAlert(Known(c, alert)!, IsNews: true);
    }

    private TakenAlert Repeat(SqliteConnection c, AlertRecord known, NewAlert alert)
    {
        c.Execute(
            """
            UPDATE alerts SET times = times + 1, last_seen = ?2,
                touched = (SELECT max(touched) FROM alerts) + 1
            WHERE id = ?1
            """,
            known.Id,
            Now
        );
        var isOver = alert.IsResolved && known.ResolvedAt is null;
        if (isOver)
        {
            c.Execute("UPDATE alerts SET resolved = ?2 WHERE id = ?1", known.Id, Now);
            c.Execute(
                """
                UPDATE alerts SET state = 'Refused', why = 'it was over before anything was done'
                WHERE id = ?1 AND state = 'Queued'
                """,
                known.Id
            );
        }
        return new TakenAlert(Known(c, alert)!, isOver);
    }

    private static AlertRecord? Known(SqliteConnection c, NewAlert alert) =>
        c.Rows(
                $"SELECT {Columns} FROM alerts WHERE fingerprint = ?1 AND starts_at = ?2",
                Row,
                alert.Fingerprint,
                alert.StartsAt.UtcTicks
            )
            .SingleOrDefault();

    private List<AlertRecord> Where(string condition, int limit) =>
        database.Read(c => c.Rows($"SELECT {Columns} FROM alerts WHERE {condition} LIMIT ?1", Row, limit));

    private T Change<T>(Func<SqliteConnection, T> change)
    {
        Failpoint.Before(Failpoint.Journal);
        var result = database.Promise(change);
        Failpoint.After(Failpoint.Journal);
        return result;
    }

    private static AlertRecord Row(SqliteDataReader r) =>
        new(
            r.GetInt64(0),
            r.Time(1),
            r.Time(2),
            r.GetInt32(3),
            r.IsDBNull(4) ? null : r.Time(4),
            new NewAlert(
                r.GetString(5),
                r.GetString(6),
                r.GetString(7),
                new DateTimeOffset(r.GetInt64(8), TimeSpan.Zero),
                !r.IsDBNull(4),
                StoredLabels.Read(r.GetString(9))
            ),
            new AlertVerdict(Enum.Parse<AlertState>(r.GetString(10)), r.GetString(14))
            {
                Rule = r.Text(11),
                Action = Enum.Parse<AlertAction>(r.GetString(12)),
                Service = r.Text(13),
            }
        );
}
