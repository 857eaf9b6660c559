using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Storage;

internal enum EventSeverity
{
    Info,
    Warning,
    Error,
}

/// <param name="Kind">Stable and dotted: <c>container.restarted</c>.</param>
/// <param name="Service">Null for what concerns the whole appliance.</param>
/// <param name="Found">What was found, in a sentence.</param>
/// <param name="Done">What was done about it, in a sentence.</param>
internal sealed record NewEvent(
    EventSeverity Severity,
    string Kind,
    string? Service,
    string? Container,
    string Found,
    string Done
);

internal sealed record StoredEvent(
    long Id,
    DateTimeOffset Time,
    EventSeverity Severity,
    string Kind,
    string? Service,
    string? Container,
    string Found,
    string Done
);

/// <summary>What happened and why, in the order it happened. Ids only grow, and are never given twice.</summary>
internal sealed class EventLog
{
    private const int PageSize = 256;
    private const int PruneEvery = 256;
    private const string Columns = "id, time, severity, kind, service, container, found, done";

    private readonly Database database;
    private readonly int kept;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private TaskCompletionSource appended = NewSignal();
    private int unstored;

    public EventLog(Database database, IOptions<StorageOptions> options, TimeProvider clock, ILogger<EventLog> log)
    {
        this.database = database;
        kept = options.Value.EventsKept;
        this.clock = clock;
        this.log = log;
    }

    /// <summary>The id of the newest event, 0 when there never was one.</summary>
    public long LastId => database.Read(c => c.Number("SELECT seq FROM sqlite_sequence WHERE name = 'events'"));

    /// <summary>Stores an event; it is durable when this returns, and followers were woken.</summary>
    /// <returns>
    /// Its id; 0 when the disk took nothing more: then it is in the journal, and the next event that can be stored is
    /// preceded by one that says how many were not.
    /// </returns>
    public long Append(NewEvent e)
    {
        try
        {
            var missed = Interlocked.Exchange(ref unstored, 0);
            var id = Store(missed == 0 ? [e] : [Missed(missed), e], missed);
            Interlocked.Exchange(ref appended, NewSignal()).SetResult();
            return id;
        }
        catch (StorageException reason)
        {
            Interlocked.Increment(ref unstored);
            log.EventNotStored(e.Severity, e.Kind, e.Service, e.Container, e.Found, e.Done, reason.Message);
            return 0;
        }
    }

    /// <summary>The oldest <paramref name="limit"/> events after <paramref name="id"/>, oldest first.</summary>
    public IReadOnlyList<StoredEvent> After(long id, int limit, string? service) =>
        database.Read(c =>
            service is null
                ? c.Rows($"SELECT {Columns} FROM events WHERE id > ?1 ORDER BY id LIMIT ?2", Row, id, limit)
                : c.Rows(
                    $"SELECT {Columns} FROM events WHERE service = ?3 AND id > ?1 ORDER BY id LIMIT ?2",
                    Row,
                    id,
                    limit,
                    service
                )
        );

    /// <summary>The newest <paramref name="n"/> events, oldest first.</summary>
    public IReadOnlyList<StoredEvent> Tail(int n, string? service)
    {
        var newestFirst = database.Read(c =>
            service is null
                ? c.Rows($"SELECT {Columns} FROM events ORDER BY id DESC LIMIT ?1", Row, n)
                : c.Rows($"SELECT {Columns} FROM events WHERE service = ?2 ORDER BY id DESC LIMIT ?1", Row, n, service)
        );
        newestFirst.Reverse();
        return newestFirst;
    }

    /// <summary>Every event after <paramref name="afterId"/>, then new ones as they are stored; ends by cancellation.</summary>
    public async IAsyncEnumerable<StoredEvent> FollowAsync(
        long afterId,
        string? service,
        [EnumeratorCancellation] CancellationToken ct
    )
    {
        while (true)
        {
            // Taken before reading: what is stored between the read and the wait ends the wait at once.
            var more = Volatile.Read(ref appended).Task;
            var page = After(afterId, PageSize, service);
            foreach (var e in page)
            {
                yield return e;
                afterId = e.Id;
            }
            if (page.Count < PageSize)
                await more.WaitAsync(ct);
            ct.ThrowIfCancellationRequested();
        }
    }

    private long Store(ReadOnlySpan<NewEvent> events, int missed)
    {
        var batch = events.ToArray();
        try
        {
            return database.Write(c =>
            {
                var id = 0L;
                foreach (var e in batch)
                    id = Insert(c, e, clock.GetUtcNow());
                if (id % PruneEvery < batch.Length)
                    c.Execute("DELETE FROM events WHERE id <= ?1", id - kept);
                return id;
            });
        }
        catch (StorageException)
        {
            Interlocked.Add(ref unstored, missed);
            throw;
        }
    }

    /// <summary>Writes an event into a file that is not the agent's yet, too.</summary>
    internal static long Insert(SqliteConnection c, NewEvent e, DateTimeOffset at) =>
        c.Number(
            """
            INSERT INTO events (time, severity, kind, service, container, found, done)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id
            """,
            at.ToUnixTimeMilliseconds(),
            e.Severity.ToString(),
            e.Kind,
            e.Service,
            e.Container,
            e.Found,
            e.Done
        );

    private static NewEvent Missed(int count) =>
        new(
            EventSeverity.Warning,
            "storage.recovered",
            null,
            null,
            $"{count} earlier events could not be stored.",
            "They are in the system journal; events are stored again."
        );

    internal static NewEvent Alarm(Replacement replaced) =>
        new(
            EventSeverity.Error,
            "storage.replaced",
            null,
            null,
            $"The state file could not be used: {replaced.Reason}.",
            $"It was set aside as {replaced.MovedTo}; carried over: {List(replaced.Saved)}; lost: {List(replaced.Lost)}."
        );

    private static string List(IReadOnlyList<string> tables) =>
        tables.Count == 0 ? "nothing" : string.Join(", ", tables);

    private static StoredEvent Row(SqliteDataReader r) =>
        new(
            r.GetInt64(0),
            r.Time(1),
            Enum.Parse<EventSeverity>(r.GetString(2)),
            r.GetString(3),
            r.Text(4),
            r.Text(5),
            r.GetString(6),
            r.GetString(7)
        );

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
