using System.Security.Cryptography;
using System.Text;
using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <param name="Actor"><c>uid:1000 (alice)</c>.</param>
/// <param name="Method">Full gRPC method, <c>/package.Service/Method</c>.</param>
/// <param name="Request">As JSON, without secrets.</param>
/// <param name="Outcome"><c>requested</c>, <c>done</c>, <c>failed</c> or <c>denied</c>.</param>
internal sealed record NewAudit(
    string Actor,
    string Role,
    string Method,
    string Request,
    string Outcome,
    string Detail
);

/// <param name="Hash">Lower-case hex SHA-256 over the previous entry's hash and this entry's other fields.</param>
internal sealed record AuditEntry(
    long Id,
    DateTimeOffset Time,
    string Actor,
    string Role,
    string Method,
    string Request,
    string Outcome,
    string Detail,
    string Hash
);

/// <param name="FirstBrokenId">Where the chain breaks; 0 when it is intact.</param>
internal sealed record AuditVerdict(long Records, long FirstBrokenId)
{
    public bool Intact => FirstBrokenId == 0;
}

/// <summary>
/// Who asked for which change, and what came of it. Each entry holds the hash of the one before, and ids have no gaps:
/// an entry that was altered, removed or slipped in breaks the chain there.
/// </summary>
internal sealed class AuditTrail
{
    private const int PageSize = 512;
    private const string Columns = "id, time, actor, role, method, request, outcome, detail, hash";

    /// <summary>What stands for the hash before the first entry.</summary>
    private static readonly string Root = new('0', 64);

    private readonly Database database;
    private readonly TimeProvider clock;
    private readonly Lock gate = new();
    private (long Id, string Hash) head;

    public AuditTrail(Database database, TimeProvider clock)
    {
        this.database = database;
        this.clock = clock;
        // The table's counter remembers an entry that was cut off at the end; going on from it leaves a gap to be seen.
        head = database.Read(c =>
            (
                c.Number("SELECT seq FROM sqlite_sequence WHERE name = 'audit'"),
                c.Rows("SELECT hash FROM audit ORDER BY id DESC LIMIT 1", r => r.GetString(0)).SingleOrDefault(Root)
            )
        );
    }

    /// <summary>Adds an entry; it is durable when this returns.</summary>
    /// <exception cref="StorageException">It could not be made durable: what it announces must not be done.</exception>
    public AuditEntry Append(NewAudit entry)
    {
        lock (gate)
        {
            var time = DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
            var unsealed = new AuditEntry(
                head.Id + 1,
                time,
                entry.Actor,
                entry.Role,
                entry.Method,
                entry.Request,
                entry.Outcome,
                entry.Detail,
                Hash: ""
            );
            var added = unsealed with { Hash = HashOf(unsealed, head.Hash) };
            database.Promise(c =>
                c.Execute(
                    $"INSERT INTO audit ({Columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                    added.Id,
                    added.Time.ToUnixTimeMilliseconds(),
                    added.Actor,
                    added.Role,
                    added.Method,
                    added.Request,
                    added.Outcome,
                    added.Detail,
                    added.Hash
                )
            );
            head = (added.Id, added.Hash);
            return added;
        }
    }

    /// <summary>The newest <paramref name="tail"/> entries as of now, or all of them, oldest first, read in pages.</summary>
    public IEnumerable<AuditEntry> List(int? tail)
    {
        var (last, _) = Head();
        var after = tail is { } n ? Math.Max(0, last - n) : 0;
        return Pages(after).TakeWhile(e => e.Id <= last);
    }

    /// <summary>Recomputes the chain of hashes over all entries.</summary>
    public AuditVerdict Verify()
    {
        var (records, previousId, previousHash) = (0L, 0L, Root);
        var last = Head();
        foreach (var entry in Pages(0).TakeWhile(e => e.Id <= last.Id))
        {
            if (entry.Id != previousId + 1 || entry.Hash != HashOf(entry, previousHash))
                return new AuditVerdict(records, entry.Id);
            records++;
            (previousId, previousHash) = (entry.Id, entry.Hash);
        }
        return new AuditVerdict(records, previousId == last.Id ? 0 : previousId + 1);
    }

    private (long Id, string Hash) Head()
    {
        lock (gate)
            return head;
    }

    private IEnumerable<AuditEntry> Pages(long after)
    {
        while (true)
        {
            var page = database.Read(c =>
                c.Rows($"SELECT {Columns} FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2", Row, after, PageSize)
            );
            foreach (var entry in page)
                yield return entry;
            if (page.Count < PageSize)
                yield break;
            after = page[^1].Id;
        }
    }

    // Each field with its length in front: no two different entries are the same bytes.
    private static string HashOf(AuditEntry entry, string previousHash)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (
            var field in (ReadOnlySpan<string>)
                [
                    previousHash,
                    entry.Id.ToString(),
                    entry.Time.ToUnixTimeMilliseconds().ToString(),
                    entry.Actor,
                    entry.Role,
                    entry.Method,
                    entry.Request,
                    entry.Outcome,
                    entry.Detail,
                ]
        )
        {
            var bytes = Encoding.UTF8.GetBytes(field);
            hash.AppendData(Encoding.ASCII.GetBytes($"{bytes.Length}:"));
            hash.AppendData(bytes);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static AuditEntry Row(SqliteDataReader r) =>
        new(
            r.GetInt64(0),
            r.Time(1),
            r.GetString(2),
            r.GetString(3),
            r.GetString(4),
            r.GetString(5),
            r.GetString(6),
            r.GetString(7),
            r.GetString(8)
        );
}
