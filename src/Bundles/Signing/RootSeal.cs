using System.Security.Cryptography;
using Appliance.Bundles.Releases;
using Appliance.Tuf;

namespace Appliance.Bundles.Signing;

/// <summary>
/// The digest of the first root, sealed with the passphrase: <c>keys/pinned-root.seal</c>. Whoever can write to the folder
/// could put another root in its place, whose successor names the real release keys, and would have the next honest
/// command sign what he wants.
/// </summary>
internal sealed class RootSeal(string folder)
{
    // AES-256-GCM, by a key of as many rounds as those of the private keys.
    private const int Rounds = 600_000;
    private const int KeySize = 32;
    private const int SaltSize = 16;
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private const int Size = SaltSize + NonceSize + TagSize + SHA256.HashSizeInBytes;

    private string File => Path.Combine(folder, "pinned-root.seal");

    public async Task WriteAsync(ReadOnlyMemory<byte> root, string passphrase, CancellationToken cancellationToken)
    {
        var seal = new byte[Size];
        RandomNumberGenerator.Fill(seal.AsSpan(0, SaltSize + NonceSize));
        var parts = new Parts(seal);
        using (var cipher = Open(parts, passphrase))
            cipher.Encrypt(parts.Nonce, SHA256.HashData(root.Span), parts.Sealed, parts.Tag);
        await DurableFile.WriteAsync(File, seal, isPrivate: true, cancellationToken);
    }

    /// <exception cref="TufException">The passphrase is wrong.</exception>
    /// <exception cref="RefusedException">The root is another one, or the seal is missing.</exception>
    public async Task DemandAsync(
        string rootFile,
        ReadOnlyMemory<byte> root,
        string passphrase,
        CancellationToken cancellationToken
    )
    {
        if (!System.IO.File.Exists(File))
            throw new RefusedException($"{File} is missing: bring it back from a backup of the repository");
        if (new FileInfo(File).Length != Size)
            throw new RefusedException($"{File} is damaged: bring it back from a backup of the repository");
        var seal = await System.IO.File.ReadAllBytesAsync(File, cancellationToken);
        if (!Digest(seal, passphrase).AsSpan().SequenceEqual(SHA256.HashData(root.Span)))
            throw new RefusedException(
                $"{rootFile} is not the root that this repository began with: somebody replaced it; bring the whole repository back from a backup"
            );
    }

    private byte[] Digest(byte[] seal, string passphrase)
    {
        var parts = new Parts(seal);
        var digest = new byte[SHA256.HashSizeInBytes];
        try
        {
            using var cipher = Open(parts, passphrase);
            cipher.Decrypt(parts.Nonce, parts.Sealed, parts.Tag, digest);
            return digest;
        }
        catch (AuthenticationTagMismatchException e)
        {
            throw new TufException(TufFault.Locked, File, "cannot be opened: the passphrase is wrong", e);
        }
    }

    private static AesGcm Open(Parts parts, string passphrase)
    {
        Span<byte> key = stackalloc byte[KeySize];
        Rfc2898DeriveBytes.Pbkdf2(passphrase, parts.Salt, key, Rounds, HashAlgorithmName.SHA256);
        try
        {
            return new(key, TagSize);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private readonly ref struct Parts(Span<byte> seal)
    {
        public Span<byte> Salt { get; } = seal[..SaltSize];

        public Span<byte> Nonce { get; } = seal.Slice(SaltSize, NonceSize);

        public Span<byte> Tag { get; } = seal.Slice(SaltSize + NonceSize, TagSize);

        public Span<byte> Sealed { get; } = seal[(SaltSize + NonceSize + TagSize)..];
    }
}
