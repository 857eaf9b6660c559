using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Appliance.Load;

/// <summary>Where the load goes: the address, found once, so that no look-up of the name is in a latency.</summary>
internal sealed record Server(Uri Base, string Host, IPEndPoint Address, SslClientAuthenticationOptions? Tls)
{
    public static async Task<Server> FindAsync(LoadOptions options, Recorder recorder, CancellationToken ct)
    {
        var target = options.Target;
        if (!IPAddress.TryParse(target.DnsSafeHost, out var address))
            address = (await Dns.GetHostAddressesAsync(target.DnsSafeHost, ct))[0];
        var host = options.Host ?? target.Authority;
        return new(
            target,
            host,
            new(address, target.Port),
            target.Scheme == Uri.UriSchemeHttps
                ? new()
                {
                    TargetHost = host.Split(':')[0],
                    ApplicationProtocols = [SslApplicationProtocol.Http11],
                    RemoteCertificateValidationCallback = (_, certificate, _, _) => Look(certificate, recorder),
                }
                : null
        );
    }

    /// <summary>A path below the base.</summary>
    public string Path(string path) => Base.AbsolutePath.TrimEnd('/') + path;

    // Which certificate it is counts, and not who signed it: an appliance begins with one that nobody did.
    public static bool Look(X509Certificate? certificate, Recorder recorder)
    {
        if (certificate is not null)
            recorder.Certificate(certificate.GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256));
        return certificate is not null;
    }
}
