using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <summary>The tables, as steps that are only ever appended to: <c>PRAGMA user_version</c> counts those done.</summary>
internal static class Schema
{
    private static readonly string[] Steps =
    [
        // Times are Unix milliseconds. AUTOINCREMENT: an id that was pruned is never given again.
        """
            CREATE TABLE events (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                time INTEGER NOT NULL,
                severity TEXT NOT NULL,
                kind TEXT NOT NULL,
                service TEXT,
                container TEXT,
                found TEXT NOT NULL,
                done TEXT NOT NULL
            ) STRICT;
            CREATE INDEX events_by_service ON events (service, id);
            CREATE TABLE wishes (
                service TEXT PRIMARY KEY,
                since INTEGER NOT NULL,
                actor TEXT NOT NULL,
                reason TEXT NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE restarts (
                slot TEXT PRIMARY KEY,
                count INTEGER NOT NULL,
                streak INTEGER NOT NULL,
                last_at INTEGER NOT NULL,
                next_at INTEGER NOT NULL,
                last_reason TEXT NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE completions (
                slot TEXT PRIMARY KEY,
                config_hash TEXT NOT NULL,
                at INTEGER NOT NULL,
                exit_code INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE audit (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                time INTEGER NOT NULL,
                actor TEXT NOT NULL,
                role TEXT NOT NULL,
                method TEXT NOT NULL,
                request TEXT NOT NULL,
                outcome TEXT NOT NULL,
                detail TEXT NOT NULL,
                hash TEXT NOT NULL
            ) STRICT;
            """,
        // What is trusted, as received: every root, and one each of the other roles (version 0). The pending rows are what
        // the running operation will make trusted when it commits.
        """
            CREATE TABLE trust (
                role TEXT NOT NULL,
                version INTEGER NOT NULL,
                bytes BLOB NOT NULL,
                PRIMARY KEY (role, version)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE trust_pending (
                role TEXT PRIMARY KEY,
                bytes BLOB NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE trust_facts (
                name TEXT PRIMARY KEY,
                value TEXT NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE releases (
                digest TEXT PRIMARY KEY,
                descriptor BLOB NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE installed (
                slot TEXT PRIMARY KEY CHECK (slot IN ('current', 'previous')),
                digest TEXT NOT NULL REFERENCES releases (digest)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE loaded_images (
                id TEXT PRIMARY KEY
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE operations (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                kind TEXT NOT NULL,
                state TEXT NOT NULL,
                phase TEXT NOT NULL,
                product TEXT NOT NULL,
                from_digest TEXT,
                from_version TEXT NOT NULL,
                to_digest TEXT NOT NULL,
                to_version TEXT NOT NULL,
                actor TEXT NOT NULL,
                started INTEGER NOT NULL,
                ended INTEGER,
                sentence TEXT NOT NULL,
                reason TEXT NOT NULL,
                evidence TEXT NOT NULL,
                cancelled_by TEXT,
                resumed INTEGER NOT NULL
            ) STRICT;
            CREATE UNIQUE INDEX one_running_operation ON operations (state) WHERE state = 'Running';
            CREATE TABLE operation_steps (
                operation INTEGER NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
                sequence INTEGER NOT NULL,
                time INTEGER NOT NULL,
                phase TEXT NOT NULL,
                outcome TEXT NOT NULL,
                service TEXT,
                text TEXT NOT NULL,
                PRIMARY KEY (operation, sequence)
            ) STRICT, WITHOUT ROWID;
            ALTER TABLE completions RENAME TO latest_completions;
            CREATE TABLE completions (
                slot TEXT NOT NULL,
                config_hash TEXT NOT NULL,
                at INTEGER NOT NULL,
                exit_code INTEGER NOT NULL,
                PRIMARY KEY (slot, config_hash)
            ) STRICT, WITHOUT ROWID;
            INSERT INTO completions SELECT slot, config_hash, at, exit_code FROM latest_completions;
            DROP TABLE latest_completions;
            """,
        // Images of which it is not known that the engine's disk has all of them, and in which boot they were given to it.
        """
            CREATE TABLE unsettled_images (
                id TEXT PRIMARY KEY,
                boot TEXT NOT NULL
            ) STRICT, WITHOUT ROWID;
            """,
        // What people want of an operation on its way, and how long it is to go on trying a service.
        """
            CREATE TABLE rollouts (
                operation INTEGER PRIMARY KEY REFERENCES operations (id) ON DELETE CASCADE,
                paused_by TEXT,
                promoted_by TEXT,
                trial TEXT,
                trial_left INTEGER NOT NULL
            ) STRICT;
            """,
        // What healing has spent, the wish that nothing is healed (one row, or none), and what tries were made for.
        """
            CREATE TABLE rungs (
                rung TEXT NOT NULL,
                scope TEXT NOT NULL,
                cause TEXT NOT NULL,
                count INTEGER NOT NULL,
                first_at INTEGER NOT NULL,
                last_at INTEGER NOT NULL,
                next_at INTEGER NOT NULL,
                reason TEXT NOT NULL,
                PRIMARY KEY (rung, scope, cause)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE holds (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                since INTEGER NOT NULL,
                until INTEGER,
                actor TEXT NOT NULL,
                reason TEXT NOT NULL
            ) STRICT;
            ALTER TABLE restarts ADD COLUMN causes TEXT NOT NULL DEFAULT '';
            """,
        // Of a token only a hash is kept. An alert is one row however often it comes; "touched" says in which order they came
        // last, whatever the clock did.
        """
            CREATE TABLE tokens (
                name TEXT PRIMARY KEY,
                role TEXT NOT NULL,
                hash BLOB NOT NULL,
                created INTEGER NOT NULL,
                created_by TEXT NOT NULL,
                last_used INTEGER
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE alert_rules (
                name TEXT PRIMARY KEY,
                position INTEGER NOT NULL,
                matchers TEXT NOT NULL,
                action TEXT NOT NULL,
                service TEXT,
                cool_down INTEGER NOT NULL,
                dry_run INTEGER NOT NULL,
                last_at INTEGER
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE alerts (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                touched INTEGER NOT NULL,
                received INTEGER NOT NULL,
                last_seen INTEGER NOT NULL,
                times INTEGER NOT NULL,
                resolved INTEGER,
                sender TEXT NOT NULL,
                source TEXT NOT NULL,
                fingerprint TEXT NOT NULL,
                starts_at INTEGER NOT NULL,
                labels TEXT NOT NULL,
                state TEXT NOT NULL,
                rule TEXT,
                action TEXT NOT NULL,
                service TEXT,
                why TEXT NOT NULL,
                UNIQUE (fingerprint, starts_at)
            ) STRICT;
            CREATE INDEX alerts_by_touch ON alerts (touched);
            CREATE INDEX alerts_to_do ON alerts (state, id) WHERE state IN ('Queued', 'Acting');
            """,
        // Drills. What undoes a disaster is in its row before it is brought about; "ticks" are of the machine's own clock,
        // which goes on over a restart of the agent within one boot.
        """
            CREATE TABLE drills (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                state TEXT NOT NULL,
                actor TEXT NOT NULL,
                is_short INTEGER NOT NULL,
                started INTEGER NOT NULL,
                until INTEGER NOT NULL,
                ended INTEGER,
                product TEXT NOT NULL,
                version TEXT NOT NULL,
                sentence TEXT NOT NULL,
                reason TEXT NOT NULL,
                cancelled_by TEXT
            ) STRICT;
            CREATE UNIQUE INDEX one_running_drill ON drills (state) WHERE state = 'Running';
            CREATE TABLE disasters (
                drill INTEGER NOT NULL REFERENCES drills (id) ON DELETE CASCADE,
                number INTEGER NOT NULL,
                name TEXT NOT NULL,
                service TEXT NOT NULL,
                phase TEXT NOT NULL,
                undo_kind TEXT,
                undo_subject TEXT NOT NULL,
                undo_value TEXT NOT NULL,
                boot TEXT NOT NULL,
                ticks INTEGER NOT NULL,
                outcome TEXT NOT NULL,
                why TEXT NOT NULL,
                target TEXT NOT NULL,
                asked TEXT NOT NULL,
                detected INTEGER,
                detected_by TEXT NOT NULL,
                detect_within INTEGER,
                recovered INTEGER,
                recover_within INTEGER,
                from_undo INTEGER NOT NULL,
                requests INTEGER NOT NULL,
                lost INTEGER NOT NULL,
                gap INTEGER NOT NULL,
                PRIMARY KEY (drill, number)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE drill_steps (
                drill INTEGER NOT NULL REFERENCES drills (id) ON DELETE CASCADE,
                sequence INTEGER NOT NULL,
                time INTEGER NOT NULL,
                disaster TEXT NOT NULL,
                outcome TEXT NOT NULL,
                text TEXT NOT NULL,
                PRIMARY KEY (drill, sequence)
            ) STRICT, WITHOUT ROWID;
            """,
        // Beside the operations, so that a damaged file of an older agent can still be carried over row by row.
        """
            CREATE TABLE loads (
                operation INTEGER PRIMARY KEY REFERENCES operations (id) ON DELETE CASCADE,
                bytes INTEGER NOT NULL
            ) STRICT;
            """,
        // What volumes held when an operation began to change them, and where that is kept; "live" is where the engine has
        // the volume's files. A row outlives its files, to say why they are gone.
        """
            CREATE TABLE snapshots (
                operation INTEGER NOT NULL,
                volume TEXT NOT NULL,
                live TEXT NOT NULL,
                kept TEXT NOT NULL,
                state TEXT NOT NULL,
                bytes INTEGER NOT NULL,
                shares_blocks INTEGER NOT NULL,
                taken INTEGER NOT NULL,
                reason TEXT NOT NULL,
                PRIMARY KEY (operation, volume)
            ) STRICT, WITHOUT ROWID;
            ALTER TABLE operations ADD COLUMN without_snapshot TEXT;
            """,
        // Which agent gave way to the one that the operation's release brings.
        """
            ALTER TABLE operations ADD COLUMN agent_before TEXT;
            """,
    ];

    /// <summary>What is worth carrying over from a damaged file, what people rely on first.</summary>
    public static readonly IReadOnlyList<string> Tables =
    [
        "trust",
        "trust_facts",
        "releases",
        "installed",
        "operations",
        "operation_steps",
        "loads",
        "rollouts",
        "snapshots",
        "trust_pending",
        "loaded_images",
        "unsettled_images",
        "wishes",
        "holds",
        "tokens",
        "alert_rules",
        "alerts",
        "completions",
        "drills",
        "disasters",
        "drill_steps",
        "rungs",
        "restarts",
        "audit",
        "events",
    ];

    public static int Version => Steps.Length;

    /// <summary>
    /// From this step on, steps only add: a table, an index, or a column that may be left out. So the agent before, which is
    /// gone back to when its successor is not well, can go on with what its successor has made of the file.
    /// </summary>
    public const int AddsOnlyFrom = 3;

    /// <summary>The steps that only add, for a test that reads them.</summary>
    internal static IEnumerable<string> Additions => Steps.Skip(AddsOnlyFrom - 1);

    /// <summary>Brings the database to <see cref="Version"/>, each step whole or not at all.</summary>
    public static void Migrate(SqliteConnection connection) => Migrate(connection, Version);

    /// <summary>As the agent does whose last step is <paramref name="until"/>.</summary>
    public static void Migrate(SqliteConnection connection, int until)
    {
        for (var step = VersionOf(connection); step < until; step++)
        {
            connection.InTransaction(c => c.Execute(Steps[step]) + c.Execute($"PRAGMA user_version = {step + 1}"));
        }
    }

    /// <summary>What a file of a newer agent lacks of what this one works with.</summary>
    /// <returns>As <c>column operations.phase</c>; null: it lacks nothing.</returns>
    public static string? MissingFrom(SqliteConnection connection)
    {
        using var fresh = new SqliteConnection("Data Source=:memory:");
        fresh.Open();
        Migrate(fresh);
        foreach (var table in Tables)
        {
            var there = ColumnsOf(connection, table).ToHashSet();
            if (there.Count == 0)
                return $"table {table}";
            if (ColumnsOf(fresh, table).FirstOrDefault(c => !there.Contains(c)) is { } column)
                return $"column {table}.{column}";
        }
        return null;
    }

    private static List<string> ColumnsOf(SqliteConnection connection, string table) =>
        connection.Rows("SELECT name FROM pragma_table_info(?1)", r => r.GetString(0), table);

    public static int VersionOf(SqliteConnection connection) => (int)connection.Number("PRAGMA user_version");
}
