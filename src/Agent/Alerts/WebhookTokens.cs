using System.Collections.Immutable;
using System.Security.Cryptography;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Alerts;

/// <summary>What came of making a token.</summary>
internal abstract record NewToken
{
    /// <param name="Secret">The token itself, which nobody can be told again.</param>
    internal sealed record Made(StoredToken Token, string Secret) : NewToken;

    /// <param name="Why">A sentence without its full stop.</param>
    internal sealed record Refused(string Why) : NewToken;
}

/// <summary>The tokens with the role <c>webhook</c>: who has one may report alerts, and nothing else.</summary>
internal sealed class WebhookTokens(TokenTable table, TimeProvider clock, ILogger<WebhookTokens> log)
{
    public const string Role = "webhook";

    /// <summary>Each is compared with what a request shows.</summary>
    public const int Most = 32;

    private static readonly TimeSpan NotedEvery = TimeSpan.FromMinutes(1);

    // What a request is compared with that shows nothing of the right form, so that it takes as long.
    private static readonly string Decoy = AccessToken.Mint();

    public ImmutableArray<StoredToken> All => table.All;

    public Task Changed => table.Changed;

    /// <exception cref="StorageException">It could not be made durable, and there is none.</exception>
    public NewToken Make(string name, string by)
    {
        if (!RuleNames.IsOne(name))
            return new NewToken.Refused(RuleNames.WhyNot("name"));
        if (table.All.Length >= Most)
            return new NewToken.Refused($"there are {Most} tokens already, and may not be more");
        var secret = AccessToken.Mint();
        var token = new StoredToken(
            name,
            Role,
            ImmutableArray.Create(AccessToken.HashOf(secret)),
            clock.GetUtcNow(),
            by,
            LastUsed: null
        );
        return table.Add(token)
            ? new NewToken.Made(token, secret)
            : new NewToken.Refused($"there is a token \"{name}\" already; revoke it first, or choose another name");
    }

    /// <returns>False: there is none of that name.</returns>
    /// <exception cref="StorageException">It could not be made durable, and the token still counts.</exception>
    public bool Revoke(string name) => table.Remove(name);

    /// <summary>Whose token this is; null: nobody's. It takes the same time whatever is wrong with it.</summary>
    public StoredToken? Find(string? shown)
    {
        var isWellFormed = shown is not null && AccessToken.IsWellFormed(shown);
        var hash = AccessToken.HashOf(isWellFormed ? shown! : Decoy);
        StoredToken? found = null;
        // To the end, wherever it is found.
        foreach (var token in table.All)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, token.Hash.AsSpan()) && token.Role == Role)
                found = token;
        }
        return isWellFormed ? found : null;
    }

    /// <summary>Notes that a token was used, now and then.</summary>
    public void Used(StoredToken token)
    {
        var now = clock.GetUtcNow();
        if (token.LastUsed is { } last && (now - last).Duration() < NotedEvery)
            return;
        try
        {
            table.Used(token.Name, now);
        }
        catch (StorageException e)
        {
            log.UseNotNoted(token.Name, e.Message);
        }
    }
}
