namespace Appliance.Agent.Storage;

/// <summary>Somebody works on the appliance by hand, and wants nothing repaired meanwhile.</summary>
/// <param name="Until">When it ends by itself; null: it is to be released.</param>
/// <param name="By">Who asked, as in the audit record.</param>
internal sealed record Hold(DateTimeOffset Since, DateTimeOffset? Until, string By, string Reason);

/// <summary>The hold for maintenance, if there is one: kept over restarts, until it is released or its time is up.</summary>
internal sealed class Holds(Database database, TimeProvider clock)
{
    private readonly Lock gate = new();
    private Hold? hold = database
        .Read(c =>
            c.Rows(
                "SELECT since, until, actor, reason FROM holds",
                r => new Hold(r.Time(0), r.IsDBNull(1) ? null : r.Time(1), r.GetString(2), r.GetString(3))
            )
        )
        .SingleOrDefault();

    /// <summary>The one that counts now; null when there is none, or when its time is up.</summary>
    public Hold? Current
    {
        get
        {
            lock (gate)
                return hold is { Until: { } until } && until <= clock.GetUtcNow() ? null : hold;
        }
    }

    /// <summary>The one that was not released yet, whether its time is up or not.</summary>
    public Hold? Last
    {
        get
        {
            lock (gate)
                return hold;
        }
    }

    /// <summary>Does what must not be beside a hold that begins meanwhile: none does until it is done.</summary>
    public T Alone<T>(Func<T> work)
    {
        lock (gate)
            return work();
    }

    /// <summary>Records it, in place of one that stands already; it is durable when this returns.</summary>
    /// <param name="length">Null: until it is released.</param>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public Hold Put(string by, string reason, TimeSpan? length)
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(clock.GetUtcNow().ToUnixTimeMilliseconds());
        var wanted = new Hold(now, now + length, by, reason);
        Write(wanted);
        return wanted;
    }

    /// <summary>Ends it. False: there was none.</summary>
    /// <exception cref="StorageException">It could not be made durable, and it still stands.</exception>
    public bool End()
    {
        lock (gate)
        {
            if (hold is null)
                return false;
            database.Promise(c => c.Execute("DELETE FROM holds"));
            hold = null;
            return true;
        }
    }

    /// <summary>The clock was set: what is left of the hold stays as long as it was.</summary>
    /// <exception cref="StorageException">It could not be made durable, and nothing was moved.</exception>
    public void Shift(TimeSpan by)
    {
        lock (gate)
        {
            if (hold is { } standing)
                Write(standing with { Since = standing.Since + by, Until = standing.Until + by });
        }
    }

    private void Write(Hold wanted)
    {
        lock (gate)
        {
            database.Promise(c =>
                c.Execute(
                    "INSERT OR REPLACE INTO holds (id, since, until, actor, reason) VALUES (1, ?1, ?2, ?3, ?4)",
                    wanted.Since.ToUnixTimeMilliseconds(),
                    wanted.Until?.ToUnixTimeMilliseconds(),
                    wanted.By,
                    wanted.Reason
                )
            );
            hold = wanted;
        }
    }
}
