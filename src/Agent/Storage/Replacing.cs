using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <summary>
/// The exchange of a damaged state file for a fresh one with what could be read of it. Whatever it is cut short by, the
/// next start finds the damaged file where it was, or finishes the exchange.
/// </summary>
/// <param name="path">The damaged file.</param>
/// <param name="now">Names the place where it is kept.</param>
internal sealed class Replacing(string path, DateTimeOffset now)
{
    private const string Log = "-wal";

    private readonly string fresh = FreshOf(path);

    /// <summary>Where the damaged file goes.</summary>
    public string Aside { get; } =
        path + now.UtcDateTime.ToString("'.damaged-'yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture);

    /// <summary>Goes on with an exchange that was cut short after the fresh file was whole, and forgets any other.</summary>
    /// <exception cref="IOException">A file cannot be moved.</exception>
    public static void Finish(string path)
    {
        if (!File.Exists(FreshOf(path)))
            return;
        if (File.Exists(path))
        {
            new Replacing(path, default).Forget();
            return;
        }
        // Only the exchange takes the file away, and it does so last of all but this.
        var folder = Path.GetDirectoryName(path)!;
        var aside = Directory
            .GetFiles(folder, $"{Path.GetFileName(path)}.damaged-*Z")
            .Order(StringComparer.Ordinal)
            .LastOrDefault();
        Install(path, aside);
    }

    /// <summary>Makes the fresh file, whole and on the disk.</summary>
    /// <param name="open">Opens a file as the agent's state, making it if it is not there.</param>
    /// <exception cref="SqliteException">It cannot be written.</exception>
    /// <exception cref="IOException">It cannot be made.</exception>
    public (IReadOnlyList<string> Saved, IReadOnlyList<string> Lost) Prepare(Func<string, SqliteConnection> open)
    {
        Forget();
        try
        {
            using var connection = open(fresh);
            var outcome = Salvage(connection);
            // Its log would not be found under its later name.
            connection.Execute("PRAGMA journal_mode = DELETE");
            return outcome;
        }
        catch
        {
            Forget();
            throw;
        }
    }

    /// <summary>Puts the damaged file aside, and the fresh one in its place.</summary>
    /// <exception cref="IOException">A file cannot be moved.</exception>
    public void Exchange()
    {
        DurableFolder.Flush(Path.GetDirectoryName(path)!);
        File.Move(path, Aside);
        Install(path, Aside);
    }

    /// <summary>Gives up the fresh file.</summary>
    /// <exception cref="IOException">It cannot be deleted.</exception>
    public void Forget()
    {
        File.Delete(fresh);
        File.Delete(fresh + Log);
        File.Delete(fresh + "-journal");
    }

    // The log belongs to the damaged file, and SQLite would write it into the fresh one: it goes first.
    private static void Install(string path, string? aside)
    {
        if (File.Exists(path + Log))
            File.Move(path + Log, (aside ?? path + ".damaged") + Log, overwrite: true);
        DurableFolder.Flush(Path.GetDirectoryName(path)!);
        File.Move(FreshOf(path), path);
        DurableFolder.Flush(Path.GetDirectoryName(path)!);
    }

    // A stop that a person asked for must not be forgotten because some other page of the file is bad.
    private (List<string> Saved, List<string> Lost) Salvage(SqliteConnection connection)
    {
        List<string> saved = [];
        List<string> lost = [];
        try
        {
            connection.Execute("ATTACH DATABASE ?1 AS damaged", path);
        }
        catch (SqliteException e) when (e.SqliteErrorCode != Database.Full)
        {
            lost.AddRange(Schema.Tables);
        }
        foreach (var table in Schema.Tables.Except(lost).ToList())
        {
            try
            {
                connection.Execute($"INSERT INTO main.{table} SELECT * FROM damaged.{table}");
                saved.Add(table);
            }
            catch (SqliteException e) when (e.SqliteErrorCode != Database.Full)
            {
                lost.Add(table);
            }
        }
        if (saved.Count > 0)
            connection.Execute("DETACH DATABASE damaged");

        // Event ids only ever grow: a follower resumes by id. Seconds since 1970 are above any count of events.
        if (lost.Contains("events"))
            connection.Execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?1)",
                now.ToUnixTimeSeconds()
            );
        return (saved, lost);
    }

    private static string FreshOf(string path) => path + ".fresh";
}
