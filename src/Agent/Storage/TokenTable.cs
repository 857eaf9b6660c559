using System.Collections.Immutable;

namespace Appliance.Agent.Storage;

/// <param name="Hash">SHA-256 of the token's random part: the token itself is kept nowhere.</param>
/// <param name="CreatedBy">Who made it, as in the audit record.</param>
/// <param name="LastUsed">To the minute; null: never.</param>
internal sealed record StoredToken(
    string Name,
    string Role,
    ImmutableArray<byte> Hash,
    DateTimeOffset CreatedAt,
    string CreatedBy,
    DateTimeOffset? LastUsed
);

/// <summary>The tokens that programs show to be listened to, read from memory and written through.</summary>
internal sealed class TokenTable(Database database)
{
    private readonly Lock gate = new();
    private ImmutableArray<StoredToken> tokens =
    [
        .. database.Read(c =>
            c.Rows(
                "SELECT name, role, hash, created, created_by, last_used FROM tokens ORDER BY name",
                r => new StoredToken(
                    r.GetString(0),
                    r.GetString(1),
                    ImmutableArray.Create(r.GetFieldValue<byte[]>(2)),
                    r.Time(3),
                    r.GetString(4),
                    r.IsDBNull(5) ? null : r.Time(5)
                )
            )
        ),
    ];

    private TaskCompletionSource changed = NewSignal();

    /// <summary>All of them by name, as one value that later changes do not touch.</summary>
    public ImmutableArray<StoredToken> All
    {
        get
        {
            lock (gate)
                return tokens;
        }
    }

    /// <summary>Completes with the next token that is added or taken away.</summary>
    public Task Changed
    {
        get
        {
            lock (gate)
                return changed.Task;
        }
    }

    /// <summary>Adds a token; it is durable when this returns.</summary>
    /// <returns>False: there is one of that name.</returns>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public bool Add(StoredToken token)
    {
        lock (gate)
        {
            if (tokens.Any(t => t.Name == token.Name))
                return false;
            database.Promise(c =>
                c.Execute(
                    "INSERT INTO tokens (name, role, hash, created, created_by) VALUES (?1, ?2, ?3, ?4, ?5)",
                    token.Name,
                    token.Role,
                    token.Hash.ToArray(),
                    token.CreatedAt.ToUnixTimeMilliseconds(),
                    token.CreatedBy
                )
            );
            Become([.. tokens.Append(token).OrderBy(t => t.Name, StringComparer.Ordinal)]);
            return true;
        }
    }

    /// <summary>Takes a token away, durably.</summary>
    /// <returns>False: there is none of that name.</returns>
    /// <exception cref="StorageException">It could not be made durable, and the token still counts.</exception>
    public bool Remove(string name)
    {
        lock (gate)
        {
            if (!tokens.Any(t => t.Name == name))
                return false;
            database.Promise(c => c.Execute("DELETE FROM tokens WHERE name = ?1", name));
            Become(tokens.RemoveAll(t => t.Name == name));
            return true;
        }
    }

    /// <summary>Notes when a token was used, for people who wonder whether it still is.</summary>
    /// <exception cref="StorageException">It could not be written; it is known until the agent ends.</exception>
    public void Used(string name, DateTimeOffset at)
    {
        lock (gate)
        {
            tokens = [.. tokens.Select(t => t.Name == name ? t with { LastUsed = at } : t)];
            database.Write(c =>
                c.Execute("UPDATE tokens SET last_used = ?2 WHERE name = ?1", name, at.ToUnixTimeMilliseconds())
            );
        }
    }

    private void Become(ImmutableArray<StoredToken> next)
    {
        tokens = next;
        var signal = changed;
        changed = NewSignal();
        signal.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
