using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;

namespace Appliance.Tuf;

/// <summary>A private key that signs metadata: ECDSA on P-256 with SHA-256.</summary>
public sealed class SigningKey : IDisposable
{
    private static readonly PbeParameters Protection = new(
        PbeEncryptionAlgorithm.Aes256Cbc,
        HashAlgorithmName.SHA256,
        iterationCount: 600_000
    );

    private readonly ECDsa key;

    private SigningKey(ECDsa key)
    {
        this.key = key;
        Public = Describe(key.ExportSubjectPublicKeyInfoPem());
    }

    public Key Public { get; }

    public string KeyId => Public.Id;

    public static SigningKey Generate() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <param name="file">What it was read from, for messages.</param>
    /// <param name="pem">Encrypted PKCS #8, as <see cref="ToEncryptedPem"/> makes it.</param>
    /// <exception cref="TufException">It is no such key, or the passphrase is wrong.</exception>
    public static SigningKey Load(string file, string pem, string passphrase)
    {
        var opened = ECDsa.Create();
        try
        {
            opened.ImportFromEncryptedPem(pem, passphrase);
            if (
                opened.ExportParameters(includePrivateParameters: false).Curve.Oid.Value
                != ECCurve.NamedCurves.nistP256.Oid.Value
            )
                throw new TufException(TufFault.Malformed, file, "is not a key on the curve P-256");
            return new(opened);
        }
        catch (ArgumentException e)
        {
            opened.Dispose();
            throw new TufException(TufFault.Malformed, file, "is not an encrypted private key in PEM", e);
        }
        catch (CryptographicException e)
        {
            opened.Dispose();
            throw new TufException(TufFault.Locked, file, "cannot be opened: the passphrase is wrong", e);
        }
        catch (TufException)
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>DER, by ECDSA with SHA-256; another one each time.</summary>
    public byte[] Sign(ReadOnlySpan<byte> data) =>
        key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    /// <summary>PKCS #8 in PEM, encrypted by PBES2 with AES-256-CBC and 600,000 rounds of PBKDF2-HMAC-SHA-256.</summary>
    public string ToEncryptedPem(string passphrase) =>
        key.ExportEncryptedPkcs8PrivateKeyPem(passphrase, Protection) + "\n";

    public void Dispose() => key.Dispose();

    private static Key Describe(string pem)
    {
        var unnamed = new Key("", "ecdsa", "ecdsa-sha2-nistp256", pem);
        var entry = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(entry))
            MetadataWriter.WriteKey(json, unnamed);
        var canonical = CanonicalJson.ToSign(StrictJson.Parse("key", entry.WrittenMemory, MetadataLimits.RootBytes));
        return unnamed with { Id = Convert.ToHexStringLower(SHA256.HashData(canonical)) };
    }
}
