using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <summary>
/// The exchange of a damaged state file for a fresh one with what could be read of it. Whatever it is cut short by, the
/// next start finds the damaged file where it was, or finishes the exchange. The fresh file itself says what was lost.
/// </summary>
/// <param name="path">The damaged file.</param>
/// <param name="now">Names the place where it is kept.</param>
internal sealed class Replacing(string path, DateTimeOffset now)
{
    private const string Log = "-wal";

    private readonly string making = path + ".fresh";

    /// <summary>Where the damaged file goes.</summary>
    public string Aside { get; } =
        path + now.UtcDateTime.ToString("'.damaged-'yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture);

    /// <summary>Goes on with an exchange that was cut short after the damaged file was moved, and forgets any other.</summary>
    /// <exception cref="IOException">A file cannot be moved.</exception>
    public static void Finish(string path)
    {
        new Replacing(path, default).ForgetHalves();
        if (!File.Exists(ReadyOf(path)))
            return;
        // It is looked at again: damaged it is still, or somebody has put another in its place.
        if (File.Exists(path))
        {
            File.Delete(ReadyOf(path));
            return;
        }
        var aside = Directory
            .GetFiles(Path.GetDirectoryName(path)!, $"{Path.GetFileName(path)}.damaged-*Z")
            .Order(StringComparer.Ordinal)
            .LastOrDefault();
        Install(path, aside ?? path + ".damaged");
    }

    /// <summary>Makes the fresh file, whole and on the disk.</summary>
    /// <param name="reason">What is wrong with the damaged one.</param>
    /// <param name="open">Opens a file as the agent's state, making it if it is not there.</param>
    /// <exception cref="SqliteException">It cannot be written.</exception>
    /// <exception cref="IOException">It cannot be made.</exception>
    public Replacement Prepare(string reason, Func<string, SqliteConnection> open)
    {
        ForgetHalves();
        try
        {
            Replacement replacement;
            using (var connection = open(making))
            {
                var (saved, lost) = Salvage(connection);
                replacement = new Replacement(reason, Aside, saved, lost);
                UpdateJournal.NoteLoss(connection, replacement);
                EventLog.Insert(connection, EventLog.Alarm(replacement), now);
                // Its log would not be found under its later name. (Of this file only: without "main." of all attached.)
                connection.Execute("PRAGMA main.journal_mode = DELETE");
            }
            File.Move(making, ReadyOf(path), overwrite: true);
            DurableFolder.Flush(Path.GetDirectoryName(path)!);
            return replacement;
        }
        catch
        {
            ForgetHalves();
            throw;
        }
    }

    /// <summary>Puts the damaged file aside, and the fresh one in its place.</summary>
    /// <exception cref="IOException">A file cannot be moved.</exception>
    public void Exchange()
    {
        File.Move(path, Aside);
        Install(path, Aside);
    }

    // The log belongs to the damaged file, and SQLite would write it into the fresh one: it goes first.
    private static void Install(string path, string aside)
    {
        if (File.Exists(path + Log))
            File.Move(path + Log, aside + Log, overwrite: true);
        DurableFolder.Flush(Path.GetDirectoryName(path)!);
        File.Move(ReadyOf(path), path);
        DurableFolder.Flush(Path.GetDirectoryName(path)!);
    }

    // A stop that a person asked for must not be forgotten because some other page of the file is bad.
    private (List<string> Saved, List<string> Lost) Salvage(SqliteConnection connection)
    {
        List<string> saved = [];
        List<string> lost = [];
        var isAttached = false;
        try
        {
            connection.Execute("ATTACH DATABASE ?1 AS damaged", path);
            isAttached = true;
        }
        catch (SqliteException e) when (IsDamage(e))
        {
            lost.AddRange(Schema.Tables);
        }
        foreach (var table in Schema.Tables.Except(lost).Except(NotYetIn(connection)).ToList())
        {
            try
            {
                // By name: an older agent's tables have fewer columns, and a newer one's have more.
                var columns = ColumnsInBoth(connection, table);
                if (columns.Count == 0)
                {
                    lost.Add(table);
                    continue;
                }
                var names = string.Join(", ", columns);
                connection.Execute($"INSERT INTO main.{table} ({names}) SELECT {names} FROM damaged.{table}");
                saved.Add(table);
            }
            catch (SqliteException e) when (IsDamage(e))
            {
                lost.Add(table);
            }
        }
        if (isAttached)
            connection.Execute("DETACH DATABASE damaged");

        // Of an operation of which only the snapshot is known, the id must not be given again: the snapshot would be taken for
        // another's.
        var newest = connection.Number("SELECT max(operation) FROM snapshots");
        if (newest > connection.Number("SELECT seq FROM sqlite_sequence WHERE name = 'operations'"))
        {
            connection.Execute("DELETE FROM sqlite_sequence WHERE name = 'operations'");
            connection.Execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('operations', ?1)", newest);
        }

        // Event ids only ever grow: a follower resumes by id. Seconds since 1970 are above any count of events.
        if (lost.Contains("events"))
            connection.Execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?1)",
                now.ToUnixTimeSeconds()
            );
        return (saved, lost);
    }

    /// <summary>Tables that the agent which wrote the file did not know: nothing of them is lost.</summary>
    private static List<string> NotYetIn(SqliteConnection connection)
    {
        try
        {
            var version = (int)connection.Number("PRAGMA damaged.user_version");
            if (version <= 0 || version >= Schema.Version)
                return [];
            using var then = new SqliteConnection("Data Source=:memory:;Pooling=False");
            then.Open();
            Schema.Migrate(then, version);
            return
            [
                .. Schema.Tables.Except(
                    then.Rows("SELECT name FROM sqlite_schema WHERE type = 'table'", r => r.GetString(0))
                ),
            ];
        }
        // It does not say how old it is: then it should have had all of them.
        catch (SqliteException)
        {
            return [];
        }
    }

    private static List<string> ColumnsInBoth(SqliteConnection connection, string table) =>
        connection.Rows(
            """
            SELECT name FROM pragma_table_info(?1, 'damaged')
            INTERSECT SELECT name FROM pragma_table_info(?1, 'main')
            """,
            r => r.GetString(0),
            table
        );

    // Not what keeps the fresh file from being written: that would be taken for a loss.
    private static bool IsDamage(SqliteException e) =>
        e.SqliteErrorCode is not (Database.Full or Database.ReadOnly or Database.CannotOpen);

    private void ForgetHalves()
    {
        foreach (var suffix in new[] { "", Log, "-journal" })
            File.Delete(making + suffix);
    }

    private static string ReadyOf(string path) => path + ".ready";
}
