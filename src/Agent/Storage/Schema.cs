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
    ];

    /// <summary>What is worth carrying over from a damaged file, what people rely on first.</summary>
    public static readonly IReadOnlyList<string> Tables = ["wishes", "completions", "restarts", "audit", "events"];

    public static int Version => Steps.Length;

    /// <summary>Brings the database to <see cref="Version"/>, each step whole or not at all.</summary>
    public static void Migrate(SqliteConnection connection)
    {
        for (var step = VersionOf(connection); step < Steps.Length; step++)
        {
            connection.InTransaction(c => c.Execute(Steps[step]) + c.Execute($"PRAGMA user_version = {step + 1}"));
        }
    }

    public static int VersionOf(SqliteConnection connection) => (int)connection.Number("PRAGMA user_version");
}
