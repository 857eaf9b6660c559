using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Signing;

/// <summary>
/// The signer's private keys, encrypted: <c>&lt;role&gt;.&lt;first digits of the key's id&gt;.pem</c>. A key that was
/// replaced stays: an old root may need it once more.
/// </summary>
internal sealed class SignerKeys(string folder)
{
    private const int DigitsInName = 16;
    private const int MaxBytes = 16_384;

    public string Folder => folder;

    public Task SaveAsync(string role, SigningKey key, string passphrase, CancellationToken cancellationToken) =>
        DurableFile.WriteAsync(
            FileOf(role, key.KeyId),
            System.Text.Encoding.ASCII.GetBytes(key.ToEncryptedPem(passphrase)),
            isPrivate: true,
            cancellationToken
        );

    /// <summary>Opens the keys of a role that are here; the caller disposes of them.</summary>
    /// <exception cref="RefusedException">Fewer are here than must sign.</exception>
    /// <exception cref="TufException">The passphrase is wrong, or a file is not a key.</exception>
    public async Task<IReadOnlyList<SigningKey>> OpenAsync(
        string role,
        RoleKeys wanted,
        string passphrase,
        CancellationToken cancellationToken
    )
    {
        var present = wanted.KeyIds.Where(id => File.Exists(FileOf(role, id))).ToList();
        if (present.Count < wanted.Threshold)
            throw new RefusedException(
                $"{folder} has {present.Count} of the keys of '{role}', and {wanted.Threshold} must sign: bring back {string.Join(", ", wanted.KeyIds.Except(present).Select(id => Path.GetFileName(FileOf(role, id))))}"
            );

        var opened = new List<SigningKey>();
        try
        {
            foreach (var id in present)
                opened.Add(await OpenAsync(role, id, passphrase, cancellationToken));
            return opened;
        }
        catch
        {
            opened.ForEach(key => key.Dispose());
            throw;
        }
    }

    private async Task<SigningKey> OpenAsync(
        string role,
        string id,
        string passphrase,
        CancellationToken cancellationToken
    )
    {
        var file = FileOf(role, id);
        if (new FileInfo(file).Length > MaxBytes)
            throw new RefusedException($"{file} is larger than a key is");
        var key = SigningKey.Load(file, await File.ReadAllTextAsync(file, cancellationToken), passphrase);
        if (key.KeyId == id)
            return key;
        key.Dispose();
        throw new RefusedException($"{file} holds another key than the one it is named for");
    }

    private string FileOf(string role, string id) => Path.Combine(folder, $"{role}.{id[..DigitsInName]}.pem");
}
