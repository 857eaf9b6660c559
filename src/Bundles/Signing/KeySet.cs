using Appliance.Tuf;

namespace Appliance.Bundles.Signing;

/// <summary>Open private keys by role, wiped when it is disposed of.</summary>
internal sealed class KeySet : IDisposable
{
    private readonly Dictionary<string, IReadOnlyList<SigningKey>> keys = [];

    public IReadOnlyDictionary<string, Key> Public =>
        keys.Values.SelectMany(k => k).ToDictionary(k => k.KeyId, k => k.Public);

    public IReadOnlyList<SigningKey> Of(string role) => keys.GetValueOrDefault(role, []);

    /// <summary>The roles as a root lists them; all but the root itself need one signature.</summary>
    public IReadOnlyDictionary<string, RoleKeys> Roles(int rootThreshold) =>
        keys.ToDictionary(
            k => k.Key,
            k => new RoleKeys([.. k.Value.Select(key => key.KeyId)], k.Key == RoleNames.Root ? rootThreshold : 1)
        );

    public async Task AddNewAsync(
        string role,
        int count,
        SignerFolder folder,
        string passphrase,
        CancellationToken cancellationToken
    )
    {
        var made = new List<SigningKey>();
        keys.Add(role, made);
        for (var i = 0; i < count; i++)
        {
            made.Add(SigningKey.Generate());
            await folder.Keys.SaveAsync(role, made[^1], passphrase, cancellationToken);
        }
    }

    public async Task OpenAsync(
        string role,
        RootMetadata root,
        SignerFolder folder,
        string passphrase,
        CancellationToken cancellationToken
    ) => keys.Add(role, await folder.Keys.OpenAsync(role, root.Roles[role], passphrase, cancellationToken));

    public void Dispose()
    {
        foreach (var key in keys.Values.SelectMany(k => k))
            key.Dispose();
    }
}
