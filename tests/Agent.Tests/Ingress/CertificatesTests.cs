using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Appliance.Agent.Ingress;
using Appliance.Testing;
using static Appliance.Agent.Tests.Ingress.RealIngress;

namespace Appliance.Agent.Tests.Ingress;

public sealed class CertificatesTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);
    private readonly CancellationToken ct = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_certificate_is_made_by_the_appliance_and_only_root_may_read_its_key()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], web.Server()));

        var file = Path.Combine(ingress.Data, "certificates", "default.pem");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        using var served = await ServedAsync(ingress.Https);
        Assert.Equal(ingress.Certificates.Current!.Fingerprint, served.Thumbprint);
        Assert.Contains("localhost", ingress.Certificates.Current.Names);
        Assert.True(served.NotBefore.ToUniversalTime() < new DateTime(2021, 1, 1, 0, 0, 0, DateTimeKind.Utc));
    }

    [Fact]
    public async Task A_certificate_is_exchanged_under_load_without_a_failure_and_for_every_start_after()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], web.Server()));
        var worker = await ingress.WorkerAsync();
        await using var load = Load.On(ingress.Https, tls: true, clients: 4);
        var given = "";
        for (var i = 0; i < 5; i++)
        {
            await load.ReachAsync(10, ct);
            using var made = new Made($"shop-{i}");
            var outcome = await ingress.Certificates.ReplaceAsync(made.Pem, ct);
            Assert.True(Assert.IsType<CertificateOutcome.Replaced>(outcome).IsInUse);
            given = made.Certificate.Thumbprint;
            using var served = await ServedAsync(ingress.Https);
            Assert.Equal(given, served.Thumbprint);
        }
        await load.ReachAsync(10, ct);
        Assert.Empty(await load.EndAsync());
        Assert.Equal(worker, await ingress.WorkerAsync());

        // Too long for the socket of commands: a reload does it.
        using (var big = new Made("big", padding: 14_000))
        {
            var outcome = await ingress.Certificates.ReplaceAsync(big.Pem, ct);
            Assert.True(Assert.IsType<CertificateOutcome.Replaced>(outcome).IsInUse);
            await Eventually.TrueAsync(
                "it is served",
                async _ =>
                {
                    using var served = await ServedAsync(ingress.Https);
                    return served.Thumbprint == big.Certificate.Thumbprint;
                },
                ct
            );
            given = big.Certificate.Thumbprint;
        }

        await ingress.KillHaproxyAsync();
        ingress.StartHaproxy();
        await Eventually.TrueAsync(
            "it serves the same",
            async _ =>
            {
                try
                {
                    using var served = await ServedAsync(ingress.Https);
                    return served.Thumbprint == given;
                }
                catch (Exception e) when (e is SocketException or IOException)
                {
                    return false;
                }
            },
            ct
        );
    }

    [Fact]
    public async Task An_agent_that_was_killed_in_the_middle_of_an_exchange_finishes_it()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], web.Server()));
        await ingress.EndAgentAsync();
        using var made = new Made("next");
        Assert.True(CertificatePem.TryRead(made.Pem, null, out var next, out _));
        File.WriteAllText(Path.Combine(ingress.Data, "certificates", "default.pem"), next.Text);

        await ingress.StartAgentAsync();

        await Eventually.TrueAsync(
            "the file's is served",
            async _ =>
            {
                using var served = await ServedAsync(ingress.Https);
                return served.Thumbprint == made.Certificate.Thumbprint;
            },
            ct
        );
    }

    [Fact]
    public async Task The_same_certificate_with_another_way_to_its_issuer_is_another_certificate()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], web.Server()));
        using var issuer = new Made("issuer");
        using var made = new Made("shop", issuer: issuer);
        await GiveAsync(made.Pem);
        Assert.Equal(["CN=shop"], await ServedChainAsync(ingress.Https));

        await GiveAsync(made.Pem + issuer.Chain);
        Assert.Equal(["CN=shop", "CN=issuer"], await ServedChainAsync(ingress.Https));
        await GiveAsync(made.Pem);
        Assert.Equal(["CN=shop"], await ServedChainAsync(ingress.Https));

        // As an agent leaves it that is killed when it has written the file.
        await ingress.EndAgentAsync();
        Assert.True(CertificatePem.TryRead(made.Pem + issuer.Chain, null, out var next, out _));
        File.WriteAllText(Path.Combine(ingress.Data, "certificates", "default.pem"), next.Text);
        await ingress.StartAgentAsync();
        await Eventually.TrueAsync(
            "the file's is served",
            async _ => await ServedChainAsync(ingress.Https) is ["CN=shop", "CN=issuer"],
            ct
        );

        async Task GiveAsync(string pem) =>
            Assert.True(
                Assert.IsType<CertificateOutcome.Replaced>(await ingress.Certificates.ReplaceAsync(pem, ct)).IsInUse
            );
    }

    [Fact]
    public async Task A_key_that_a_trial_was_killed_with_is_gone_after_the_next_start()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        var left = Array.Empty<string>();
        await using var ingress = await StartAsync(
            i =>
            {
                var file = Path.Combine(i.Data, "certificates", "default.pem");
                Directory.CreateDirectory(Path.GetDirectoryName(file)!);
                left = [$"{file}.trial", $"{file}.trial.next", $"{file}.trial.cfg", $"{file}.next"];
                foreach (var path in left)
                    File.WriteAllText(path, "a key");
                File.WriteAllText($"{file}.kept", "what a person has put there");
            },
            Service("web", [Route(port)], web.Server())
        );

        Assert.DoesNotContain(left, File.Exists);
        Assert.True(File.Exists(Path.Combine(ingress.Data, "certificates", "default.pem.kept")));
    }

    [Fact]
    public async Task One_that_is_given_while_HAProxy_is_silent_is_in_use_as_soon_as_it_answers_whoever_waits_for_it()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], web.Server()));
        var file = Path.Combine(ingress.Data, "certificates", "default.pem");
        Assert.Null(await ingress.Api.CertificateAsync(await ingress.WorkerAsync(), file + ".other", ct));
        using var made = new Made("next");
        using (var caller = CancellationTokenSource.CreateLinkedTokenSource(ct))
        using (Halt(ingress.Master))
        {
            var giving = ingress.Certificates.ReplaceAsync(made.Pem, caller.Token);
            await Eventually.TrueAsync(
                "the file has it",
                () => ingress.Certificates.Current!.Fingerprint == made.Certificate.Thumbprint,
                ct
            );
            await caller.CancelAsync();

            Assert.False(Assert.IsType<CertificateOutcome.Replaced>(await giving).IsInUse);
            Assert.StartsWith(
                "HAProxy could not be told yet",
                ingress.Events.Tail(200, null).Last(e => e.Kind == "certificate.replaced").Done,
                StringComparison.Ordinal
            );
        }

        await Eventually.TrueAsync(
            "it is served",
            async _ =>
            {
                using var served = await ServedAsync(ingress.Https);
                return served.Thumbprint == made.Certificate.Thumbprint;
            },
            ct,
            TimeSpan.FromSeconds(60)
        );
    }

    [Fact]
    public async Task A_damaged_certificate_is_set_aside_and_HTTPS_served_with_another()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(
            i =>
            {
                Directory.CreateDirectory(Path.Combine(i.Data, "certificates"));
                File.WriteAllText(Path.Combine(i.Data, "certificates", "default.pem"), "\0\0\0");
            },
            Service("web", [Route(port)], web.Server())
        );

        using var served = await ServedAsync(ingress.Https);
        Assert.Contains("certificate.damaged", ingress.EventKinds);
        Assert.True(File.Exists(Path.Combine(ingress.Data, "certificates", "default.pem.damaged")));
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_used_changes_nothing()
    {
        var port = Upstream.FreePort();
        await using var web = await Upstream.StartAsync("web", port);
        await using var ingress = await StartAsync(null, Service("web", [Route(port)], web.Server()));
        var before = ingress.Certificates.Current!.Fingerprint;
        // Ours finds nothing wrong with it; HAProxy's library finds it too weak.
        using var weak = new Made("weak", isWeak: true);

        var outcome = await ingress.Certificates.ReplaceAsync(weak.Pem, ct);

        Assert.IsType<CertificateOutcome.Refused>(outcome);
        using var served = await ServedAsync(ingress.Https);
        Assert.Equal(before, served.Thumbprint);
        Assert.Equal(before, ingress.Certificates.Current.Fingerprint);
    }

    public static TheoryData<string, string> Bad()
    {
        using var one = new Made("one", at: Now);
        using var other = new Made("other", at: Now);
        using var expired = new Made("expired", at: Now.AddYears(-3));
        using var early = new Made("early", at: Now.AddYears(3));
        using var client = new Made("client", at: Now, use: "1.3.6.1.5.5.7.3.2");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new()
        {
            { "", "it has no certificate" },
            { "nonsense", "it has no certificate" },
            { one.Chain, "it has no private key" },
            { one.Key, "it has no certificate" },
            { one.Chain + other.Key, "the key does not belong to the certificate of CN=one" },
            {
                other.Chain + one.Chain + one.Key,
                "the first certificate must be the one that the key belongs to, and what issued it after it"
            },
            { one.Chain + other.Chain + one.Key, "CN=other does not follow CN=one, which was issued by CN=one" },
            { one.Pem + other.Key, "it has two private keys" },
            { expired.Pem, "the certificate of CN=expired has expired on 2024-06-01" },
            { early.Pem, "the certificate of CN=early is valid from 2029-05-31 00:00 UTC only" },
            { client.Pem, "the certificate is not meant for servers (its extended key usage)" },
            {
                one.Chain
                    + key.ExportEncryptedPkcs8PrivateKeyPem(
                        "secret",
                        new(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1000)
                    ),
                "its key is encrypted: decrypt it first (openssl pkey -in FILE)"
            },
            // As `openssl rsa -traditional -aes128` writes it.
            {
                one.Chain
                    + "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
                    + "DEK-Info: AES-128-CBC,B2E1F1A2D0B5C3E4F60718293A4B5C6D\n\n"
                    + "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n"
                    + "-----END RSA PRIVATE KEY-----\n",
                "its key is encrypted: decrypt it first (openssl pkey -in FILE)"
            },
        };
    }

    [Theory]
    [MemberData(nameof(Bad), DisableDiscoveryEnumeration = true)]
    public void What_is_wrong_with_a_certificate_is_said(string pem, string why)
    {
        Assert.False(CertificatePem.TryRead(pem, Now, out _, out var error));
        Assert.Equal(why, error);
    }

    [Theory]
    [InlineData("appliance", "2001-01-01")]
    [InlineData("appliance", "2045-01-01")]
    [InlineData("not a name!", "2026-06-01")]
    [InlineData("", "2026-06-01")]
    public void A_self_signed_one_can_be_made_whatever_the_clock_and_the_name_of_the_machine_say(
        string host,
        string day
    )
    {
        var now = DateTimeOffset.Parse(day, System.Globalization.CultureInfo.InvariantCulture);
        var made = CertificatePem.SelfSigned(host, now);
        Assert.True(CertificatePem.TryRead(made.Text, Now, out var read, out var error), error);
        Assert.Equal(made.Fingerprint, read.Fingerprint);
        Assert.True(read.NotAfter > now.AddYears(5));
    }

    private static async Task<X509Certificate2> ServedAsync(int port) => (await AllServedAsync(port))[0];

    private static async Task<IReadOnlyList<string>> ServedChainAsync(int port) =>
        [.. (await AllServedAsync(port)).Select(c => c.Subject)];

    /// <summary>The certificate, and what the server sends with it.</summary>
    private static async Task<IReadOnlyList<X509Certificate2>> AllServedAsync(int port)
    {
        List<X509Certificate2> served = [];
        using var socket = new TcpClient();
        await socket.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
        await using var tls = new SslStream(
            socket.GetStream(),
            false,
            (_, certificate, chain, _) =>
            {
                served.Add(X509CertificateLoader.LoadCertificate(certificate!.GetRawCertData()));
                foreach (var one in chain!.ChainPolicy.ExtraStore.Where(c => c.Thumbprint != served[0].Thumbprint))
                    served.Add(X509CertificateLoader.LoadCertificate(one.RawData));
                return true;
            }
        );
        // Of a session that is resumed it would tell the certificate that it began with.
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "localhost", AllowTlsResume = false }
        );
        return served;
    }

    /// <summary>A certificate that a customer might bring.</summary>
    private sealed class Made : IDisposable
    {
        private readonly AsymmetricAlgorithm key;

        public Made(
            string name,
            DateTimeOffset? at = null,
            string? use = null,
            int padding = 0,
            bool isWeak = false,
            Made? issuer = null
        )
        {
            // 192 bits, which OpenSSL takes for too few.
            key = isWeak ? ECDsa.Create(ECCurve.CreateFromValue("1.2.840.10045.3.1.1")) : RSA.Create(2048);
            var request = key is ECDsa curve
                ? new CertificateRequest($"CN={name}", curve, HashAlgorithmName.SHA256)
                : new CertificateRequest($"CN={name}", (RSA)key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            if (use is not null)
                request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], false));
            if (padding > 0)
                request.CertificateExtensions.Add(
                    new X509Extension("1.3.6.1.4.1.32473.1", RandomNumberGenerator.GetBytes(padding), false)
                );
            var begin = (at ?? TimeProvider.System.GetUtcNow()).AddDays(-1);
            Certificate = issuer is null
                ? request.CreateSelfSigned(begin, begin.AddYears(1).AddDays(1))
                : request.Create(
                    issuer.Certificate.SubjectName,
                    X509SignatureGenerator.CreateForRSA((RSA)issuer.key, RSASignaturePadding.Pkcs1),
                    begin,
                    begin.AddYears(1),
                    [1]
                );
            (Chain, Key) = (Certificate.ExportCertificatePem() + "\n", key.ExportPkcs8PrivateKeyPem() + "\n");
        }

        public X509Certificate2 Certificate { get; }

        public string Chain { get; }

        public string Key { get; }

        public string Pem => Chain + Key;

        public void Dispose()
        {
            Certificate.Dispose();
            key.Dispose();
        }
    }
}
