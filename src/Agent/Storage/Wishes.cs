using System.Collections.Immutable;

namespace Appliance.Agent.Storage;

/// <param name="By">Who asked, as in the audit record.</param>
internal sealed record StopWish(string Service, DateTimeOffset Since, string By, string Reason);

/// <summary>The services that a person wants stopped: kept over restarts and upgrades, until cleared.</summary>
internal sealed class Wishes(Database database, TimeProvider clock)
{
    private readonly Lock gate = new();
    private ImmutableDictionary<string, StopWish> wishes = database
        .Read(c =>
            c.Rows(
                "SELECT service, since, actor, reason FROM wishes",
                r => new StopWish(r.GetString(0), r.Time(1), r.GetString(2), r.GetString(3))
            )
        )
        .ToImmutableDictionary(w => w.Service);

    public StopWish? Of(string service) => wishes.GetValueOrDefault(service);

    /// <summary>All of them, as one value that later changes do not touch.</summary>
    public IReadOnlyDictionary<string, StopWish> All() => wishes;

    /// <summary>Records the wish; it is durable when this returns. A wish that stands already is replaced.</summary>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public void Stop(string service, string by, string reason)
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
        var wish = new StopWish(service, now, by, reason);
        lock (gate)
        {
            database.Promise(c =>
                c.Execute(
                    "INSERT OR REPLACE INTO wishes (service, since, actor, reason) VALUES (?1, ?2, ?3, ?4)",
                    service,
                    now.ToUnixTimeMilliseconds(),
                    by,
                    reason
                )
            );
            wishes = wishes.SetItem(service, wish);
        }
    }

    /// <summary>Ends the wish. False: there was none.</summary>
    /// <exception cref="StorageException">It could not be made durable, and the wish still stands.</exception>
    public bool Clear(string service)
    {
        lock (gate)
        {
            if (!wishes.ContainsKey(service))
                return false;
            database.Promise(c => c.Execute("DELETE FROM wishes WHERE service = ?1", service));
            wishes = wishes.Remove(service);
            return true;
        }
    }
}
