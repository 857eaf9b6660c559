using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Appliance.Agent.Ingress;

/// <summary>A certificate with its key and what leads to its issuer, all found to belong together.</summary>
/// <param name="Text">Certificate, chain and key, in this order and nothing else.</param>
/// <param name="Fingerprint">SHA-1, in hexadecimal, as HAProxy tells it.</param>
internal sealed record CertificatePem(
    string Text,
    string Fingerprint,
    string Subject,
    DateTimeOffset NotBefore,
    DateTimeOffset NotAfter,
    IReadOnlyList<string> Names
)
{
    private const int Longest = 256 * 1024;
    private const int MostCertificates = 10;
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const int LeastRsaBits = 2048;
    private const string Encrypted = "its key is encrypted: decrypt it first (openssl pkey -in FILE)";

    /// <summary>SHA-256 of all of it, in hexadecimal: two may have the same leaf, and lead to their issuer in other ways.</summary>
    public string Digest { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text)));

    /// <summary>How many follow the first.</summary>
    public int ChainLength { get; private init; }

    // Clocks differ, and a certificate is often used in the minute that it was made in.
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    /// <summary>Reads it, or says what is wrong with it, in a sentence without its full stop.</summary>
    /// <param name="pem">The certificate first, then what issued it; the key anywhere.</param>
    /// <param name="now">Null: whether it is valid now is not asked.</param>
    public static bool TryRead(
        string pem,
        DateTimeOffset? now,
        [NotNullWhen(true)] out CertificatePem? certificate,
        out string error
    )
    {
        certificate = null;
        if (pem.Length > Longest)
            return Fails($"it has more than {Longest} characters", out error);
        List<X509Certificate2> chain = [];
        AsymmetricAlgorithm? key = null;
        try
        {
            if (!TryReadParts(pem, chain, out key, out error))
                return false;
            error = WhyNot(chain, key, now) ?? "";
            if (error.Length > 0)
                return false;
            certificate = Of(chain, key);
            return true;
        }
        catch (CryptographicException e)
        {
            return Fails($"it cannot be read: {e.Message}", out error);
        }
        finally
        {
            key?.Dispose();
            foreach (var one in chain)
                one.Dispose();
        }
    }

    /// <summary>Reads what was found good once, whatever the time is now; null: it is damaged.</summary>
    public static CertificatePem? ReadStored(string pem) =>
        TryRead(pem, null, out var certificate, out _) ? certificate : null;

    /// <summary>One that nobody else vouches for, for a machine that has got no other yet.</summary>
    public static CertificatePem SelfSigned(string hostName, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={CommonName(hostName)}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true)
        );
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication)], critical: false)
        );
        var names = new SubjectAlternativeNameBuilder();
        if (IsDnsName(hostName))
            names.AddDnsName(hostName);
        names.AddDnsName("localhost");
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        names.AddIpAddress(System.Net.IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        // A machine's clock may be years off at its first start, and nobody renews this one: it is good on either side.
        var begin = new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var since = now > begin ? now : begin;
        using var certificate = request.CreateSelfSigned(begin, since.AddYears(20));
        return Of([certificate], key);
    }

    private static CertificatePem Of(List<X509Certificate2> chain, AsymmetricAlgorithm key)
    {
        var leaf = chain[0];
        var text = new StringBuilder();
        foreach (var one in chain)
            text.Append(one.ExportCertificatePem()).Append('\n');
        text.Append(key.ExportPkcs8PrivateKeyPem()).Append('\n');
        var names = leaf
            .Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(e => e.EnumerateDnsNames().Concat(e.EnumerateIPAddresses().Select(a => a.ToString())))
            .ToList();
        return new CertificatePem(
            text.ToString(),
            // SHA-1 names it here, and vouches for nothing.
#pragma warning disable CA5350
            leaf.GetCertHashString(HashAlgorithmName.SHA1),
#pragma warning restore CA5350
            leaf.Subject,
            Begin(leaf),
            End(leaf),
            names
        )
        {
            ChainLength = chain.Count - 1,
        };
    }

    private static bool TryReadParts(
        string pem,
        List<X509Certificate2> chain,
        [NotNullWhen(true)] out AsymmetricAlgorithm? key,
        out string error
    )
    {
        (key, error) = (null, "");
        var rest = pem.AsSpan();
        while (PemEncoding.TryFind(rest, out var found))
        {
            var label = rest[found.Label].ToString();
            var whole = rest[found.Location];
            rest = rest[found.Location.End..];
            if (label is "CERTIFICATE")
            {
                if (chain.Count == MostCertificates)
                    return Fails($"it has more than {MostCertificates} certificates", out error);
                chain.Add(X509Certificate2.CreateFromPem(whole));
            }
            else if (label is "ENCRYPTED PRIVATE KEY" || whole.Contains("ENCRYPTED", StringComparison.Ordinal))
            {
                return Fails(Encrypted, out error);
            }
            else if (label.EndsWith("PRIVATE KEY", StringComparison.Ordinal))
            {
                if (key is not null)
                    return Fails("it has two private keys", out error);
                key = ReadKey(label, whole);
                if (key is null)
                    return Fails("its key is neither RSA nor ECDSA", out error);
            }
        }
        if (chain.Count == 0)
            return Fails("it has no certificate", out error);
        if (key is not null)
            return true;
        // The form of old has headers, which is no PEM to our reader: it passes over it.
        var isEncrypted = pem.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal);
        return Fails(isEncrypted ? Encrypted : "it has no private key", out error);
    }

    private static AsymmetricAlgorithm? ReadKey(string label, ReadOnlySpan<char> pem)
    {
        foreach (AsymmetricAlgorithm key in new AsymmetricAlgorithm[] { ECDsa.Create(), RSA.Create() })
        {
            try
            {
                key.ImportFromPem(pem);
                return key;
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                key.Dispose();
                // Another kind, unless the label says which.
                if (label is "EC PRIVATE KEY" or "RSA PRIVATE KEY" && label[0] == (key is RSA ? 'R' : 'E'))
                    throw new CryptographicException("the key is damaged", e);
            }
        }
        return null;
    }

    private static string? WhyNot(List<X509Certificate2> chain, AsymmetricAlgorithm key, DateTimeOffset? now)
    {
        var leaf = chain[0];
        if (!Belongs(leaf, key))
            return chain.Skip(1).Any(c => Belongs(c, key))
                ? "the first certificate must be the one that the key belongs to, and what issued it after it"
                : $"the key does not belong to the certificate of {leaf.Subject}";
        if (key is RSA { KeySize: < LeastRsaBits } rsa)
            return $"its key of {rsa.KeySize} bits can be broken: it needs {LeastRsaBits} or more";
        for (var i = 0; i < chain.Count; i++)
        {
            var one = chain[i];
            if (End(one) <= now)
                return $"the certificate of {one.Subject} has expired on {End(one):yyyy-MM-dd}";
            if (Begin(one) > now + ClockTolerance)
                return $"the certificate of {one.Subject} is valid from {Begin(one):yyyy-MM-dd HH:mm} UTC only";
            if (i + 1 < chain.Count && !one.IssuerName.RawData.AsSpan().SequenceEqual(chain[i + 1].SubjectName.RawData))
                return $"{chain[i + 1].Subject} does not follow {one.Subject}, which was issued by {one.Issuer}";
        }
        var uses = leaf.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault();
        return uses is not null && !uses.EnhancedKeyUsages.Cast<Oid>().Any(o => o.Value == ServerAuthentication)
            ? "the certificate is not meant for servers (its extended key usage)"
            : null;
    }

    private static DateTimeOffset Begin(X509Certificate2 certificate) => new(certificate.NotBefore.ToUniversalTime());

    private static DateTimeOffset End(X509Certificate2 certificate) => new(certificate.NotAfter.ToUniversalTime());

    private static bool Belongs(X509Certificate2 certificate, AsymmetricAlgorithm key) =>
        certificate.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(key.ExportSubjectPublicKeyInfo());

    private static string CommonName(string hostName) =>
        IsDnsName(hostName) && hostName.Length <= 64 ? hostName : "appliance";

    private static bool IsDnsName(string name) =>
        name.Length is > 0 and <= 253
        && name.Split('.')
            .All(l => l.Length is > 0 and <= 63 && l.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') && l[0] != '-');

    private static bool Fails(string what, out string error)
    {
        error = what;
        return false;
    }
}
