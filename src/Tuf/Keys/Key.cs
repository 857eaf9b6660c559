using System.Security.Cryptography;

namespace Appliance.Tuf;

/// <summary>A public key. One of a scheme that is not known here never verifies anything.</summary>
/// <param name="Id">SHA-256 of the canonical form of the key's whole entry, in hexadecimal.</param>
/// <param name="Public">PEM; 64 hexadecimal digits for Ed25519.</param>
public sealed record Key(string Id, string KeyType, string Scheme, string Public)
{
    /// <summary>The key itself, however it is written; as it is written when it cannot be read.</summary>
    internal string Material
    {
        get
        {
            try
            {
                return Scheme == "ed25519"
                    ? Convert.ToHexStringLower(Convert.FromHexString(Public))
                    : Convert.ToHexStringLower(SubjectPublicKeyInfo());
            }
            catch (FormatException)
            {
                return Public;
            }
        }
    }

    internal static Key Parse(string id, Field field)
    {
        var expected = Convert.ToHexStringLower(SHA256.HashData(CanonicalJson.ToSign(field.Value)));
        if (id != expected)
            throw field.Wrong($"is not the id of its key, which is {expected}");
        return new(
            id,
            field.Member("keytype").Text(),
            field.Member("scheme").Text(),
            field.Member("keyval").Member("public").Text()
        );
    }

    /// <summary>Whether this key made the signature. False also for a key or a signature that cannot be read.</summary>
    public bool Verifies(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        try
        {
            return Scheme switch
            {
                "ecdsa-sha2-nistp256" => VerifiesEcdsa(data, signature),
                "rsassa-pss-sha256" => VerifiesRsa(data, signature),
                "ed25519" => Ed25519.Verifies(Convert.FromHexString(Public), data, signature),
                _ => false,
            };
        }
        catch (Exception e) when (e is CryptographicException or FormatException)
        {
            return false;
        }
    }

    private bool VerifiesEcdsa(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        using var key = ECDsa.Create();
        Import(key);
        return key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value
                == ECCurve.NamedCurves.nistP256.Oid.Value
            && key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
    }

    private bool VerifiesRsa(ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        using var key = RSA.Create();
        Import(key);
        return key.KeySize is >= 2048 and <= 8192
            && key.VerifyData(data, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pss);
    }

    private void Import(AsymmetricAlgorithm key)
    {
        var info = SubjectPublicKeyInfo();
        key.ImportSubjectPublicKeyInfo(info, out var read);
        // What follows would make many keys of one.
        if (read != info.Length)
            throw new FormatException("something follows the public key");
    }

    private byte[] SubjectPublicKeyInfo()
    {
        if (!PemEncoding.TryFind(Public, out var fields) || Public[fields.Label] is not "PUBLIC KEY")
            throw new FormatException("not a public key in PEM");
        return Convert.FromBase64String(Public[fields.Base64Data]);
    }
}
