using System.Security.Cryptography;
using System.Text;
using Appliance.Tuf;
using static Tuf.Tests.Refusals;

namespace Tuf.Tests.Keys;

public sealed class KeyTests
{
    private static readonly byte[] Data = Encoding.UTF8.GetBytes("what is signed");

    [Fact]
    public void Ecdsa_on_p_256_verifies_der()
    {
        using var signer = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var key = new Key("", "ecdsa", "ecdsa-sha2-nistp256", signer.ExportSubjectPublicKeyInfoPem());

        DemandOnly(key, signer.SignData(Data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence));
        Assert.False(key.Verifies(Data, signer.SignData(Data, HashAlgorithmName.SHA256)));
    }

    [Fact]
    public void Another_curve_never_verifies()
    {
        using var signer = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var key = new Key("", "ecdsa", "ecdsa-sha2-nistp256", signer.ExportSubjectPublicKeyInfoPem());

        Assert.False(
            key.Verifies(Data, signer.SignData(Data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))
        );
    }

    [Fact]
    public void Rsa_verifies_pss_and_nothing_else()
    {
        using var signer = RSA.Create(3072);
        var key = new Key("", "rsa", "rsassa-pss-sha256", signer.ExportSubjectPublicKeyInfoPem());

        DemandOnly(key, signer.SignData(Data, HashAlgorithmName.SHA256, RSASignaturePadding.Pss));
        Assert.False(key.Verifies(Data, signer.SignData(Data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)));
    }

    // RFC 8032, 7.1, test 2.
    [Fact]
    public void Ed25519_verifies_as_the_rfc_says()
    {
        var key = new Key("", "ed25519", "ed25519", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        var signature = Convert.FromHexString(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );

        Assert.True(key.Verifies([0x72], signature));
        Assert.False(key.Verifies([0x73], signature));
        Assert.False(key.Verifies([0x72], signature.AsSpan(1)));
        signature[3] ^= 1;
        Assert.False(key.Verifies([0x72], signature));
        Assert.False((key with { Public = key.Public[2..] }).Verifies([0x72], signature));
    }

    /// <summary>Else one key could count as two of those that must sign.</summary>
    [Fact]
    public void A_key_is_the_same_however_it_is_written_and_nothing_may_follow_it()
    {
        using var signer = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var signature = signer.SignData(Data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        var info = signer.ExportSubjectPublicKeyInfo();
        var key = new Key("", "ecdsa", "ecdsa-sha2-nistp256", signer.ExportSubjectPublicKeyInfoPem());
        var oneLine = $"-----BEGIN PUBLIC KEY-----\n{Convert.ToBase64String(info)}\n-----END PUBLIC KEY-----\n\n";
        var longer = PemEncoding.WriteString("PUBLIC KEY", [.. info, 0]);

        Assert.Equal(key.Material, (key with { Public = oneLine }).Material);
        Assert.True((key with { Public = oneLine }).Verifies(Data, signature));
        Assert.False((key with { Public = longer }).Verifies(Data, signature));
    }

    [Theory]
    [InlineData("ecdsa-sha2-nistp256", "")]
    [InlineData("ecdsa-sha2-nistp256", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----")]
    [InlineData("rsassa-pss-sha256", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")]
    [InlineData("ed25519", "not hexadecimal")]
    [InlineData("ml-dsa-65", "")]
    public void A_key_that_cannot_be_read_verifies_nothing(string scheme, string text) =>
        Assert.False(new Key("", "any", scheme, text).Verifies(Data, new byte[64]));

    [Fact]
    public void A_signing_key_comes_back_with_its_passphrase_alone()
    {
        using var key = SigningKey.Generate();
        var pem = key.ToEncryptedPem("correct horse battery");

        using var again = SigningKey.Load("root.pem", pem, "correct horse battery");

        Assert.Equal(key.Public, again.Public);
        DemandOnly(key.Public, again.Sign(Data));
        Assert.StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", pem, StringComparison.Ordinal);
        var refusal = Refuses(TufFault.Locked, () => SigningKey.Load("root.pem", pem, "correct horse buttery"));
        Assert.Contains("passphrase is wrong", refusal.Message, StringComparison.Ordinal);
        Refuses(TufFault.Malformed, () => SigningKey.Load("root.pem", "nothing", "correct horse battery"));
    }

    private static void DemandOnly(Key key, byte[] signature)
    {
        Assert.True(key.Verifies(Data, signature));
        Assert.False(key.Verifies(Data.AsSpan(1), signature));
        signature[^1] ^= 1;
        Assert.False(key.Verifies(Data, signature));
        Assert.False(key.Verifies(Data, []));
    }
}
