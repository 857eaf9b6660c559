using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <summary>How often one thing was done about one cause.</summary>
/// <param name="Rung">What was done.</param>
/// <param name="Scope">To what: a service, a release, or "" for the whole appliance.</param>
/// <param name="Cause">What for: another cause has a record of its own.</param>
/// <param name="Count">How often since it was last forgiven.</param>
/// <param name="FirstAt">The first of those times.</param>
/// <param name="NextAt">Before this time it is not done again.</param>
/// <param name="Reason">Why the last time, in a sentence.</param>
internal sealed record RungRecord(
    string Rung,
    string Scope,
    string Cause,
    int Count,
    DateTimeOffset FirstAt,
    DateTimeOffset LastAt,
    DateTimeOffset NextAt,
    string Reason
);

/// <summary>What healing has spent of its budgets: each record is durable before what it is spent on is done.</summary>
internal sealed class RungLedger(Database database)
{
    private const string Columns = "rung, scope, cause, count, first_at, last_at, next_at, reason";

    private readonly Lock gate = new();
    private readonly Dictionary<(string Rung, string Scope, string Cause), RungRecord> records = database
        .Read(c => c.Rows($"SELECT {Columns} FROM rungs", Row))
        .ToDictionary(r => (r.Rung, r.Scope, r.Cause));

    public IReadOnlyList<RungRecord> All
    {
        get
        {
            lock (gate)
                return [.. records.Values];
        }
    }

    /// <summary>Replaces what is known of the same rung, scope and cause.</summary>
    /// <exception cref="StorageException">It could not be made durable: what it is spent on must not be done.</exception>
    public void Put(params IReadOnlyCollection<RungRecord> changed)
    {
        lock (gate)
        {
            database.Promise(c => changed.Sum(r => Write(c, r)));
            foreach (var record in changed)
                records[(record.Rung, record.Scope, record.Cause)] = record;
        }
    }

    /// <summary>As if it had never been done.</summary>
    /// <exception cref="StorageException">It could not be made durable, and is still known.</exception>
    public void Forget((string Rung, string Scope, string Cause) what)
    {
        lock (gate)
        {
            database.Promise(c =>
                c.Execute(
                    "DELETE FROM rungs WHERE rung = ?1 AND scope = ?2 AND cause = ?3",
                    what.Rung,
                    what.Scope,
                    what.Cause
                )
            );
            records.Remove(what);
        }
    }

    private static int Write(SqliteConnection c, RungRecord r) =>
        c.Execute(
            $"INSERT OR REPLACE INTO rungs ({Columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            r.Rung,
            r.Scope,
            r.Cause,
            r.Count,
            r.FirstAt.ToUnixTimeMilliseconds(),
            r.LastAt.ToUnixTimeMilliseconds(),
            r.NextAt.ToUnixTimeMilliseconds(),
            r.Reason
        );

    private static RungRecord Row(SqliteDataReader r) =>
        new(
            r.GetString(0),
            r.GetString(1),
            r.GetString(2),
            r.GetInt32(3),
            r.Time(4),
            r.Time(5),
            r.Time(6),
            r.GetString(7)
        );
}
