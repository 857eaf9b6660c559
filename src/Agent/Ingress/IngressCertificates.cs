using System.Text;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Ingress;

/// <summary>What came of a certificate that somebody set.</summary>
internal abstract record CertificateOutcome
{
    /// <param name="IsInUse">False: HAProxy is not there; it starts with it.</param>
    internal sealed record Replaced(CertificatePem Certificate, bool IsInUse) : CertificateOutcome;

    /// <param name="Why">A sentence without its full stop. The one before stays in use.</param>
    internal sealed record Refused(string Why) : CertificateOutcome;
}

/// <summary>
/// The certificate that HTTPS is served with: a file, for every start of HAProxy, and the same in the one that runs. The file
/// goes first; whatever it is cut short by, the next look finds HAProxy with another one and gives it this one.
/// </summary>
internal sealed class IngressCertificates(
    IngressFolder folder,
    HaproxyConfiguration configuration,
    RuntimeApi api,
    EventLog events,
    TimeProvider clock,
    ILogger<IngressCertificates> log
) : IDisposable
{
    private readonly SemaphoreSlim turn = new(1);

    /// <summary>What the file holds; null before the first look.</summary>
    public CertificatePem? Current { get; private set; }

    public void Dispose() => turn.Dispose();

    /// <summary>Makes a certificate where there is none that can be used.</summary>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public async Task EnsureAsync(CancellationToken ct)
    {
        await turn.WaitAsync(ct);
        try
        {
            var text = File.Exists(folder.Certificate) ? File.ReadAllText(folder.Certificate) : null;
            if (text is not null && text == Current?.Text)
                return;
            // An expired one is better than another that nobody has seen: clients say what is wrong, and whose it is.
            if (text is not null && CertificatePem.ReadStored(text) is { } known)
            {
                Current = known;
                return;
            }
            var made = CertificatePem.SelfSigned(Environment.MachineName, clock.GetUtcNow());
            if (text is not null)
                File.Move(folder.Certificate, folder.Certificate + ".damaged", overwrite: true);
            IngressFolder.Write(folder.Certificate, Encoding.UTF8.GetBytes(made.Text));
            Current = made;
            events.Append(
                new(
                    text is null ? EventSeverity.Info : EventSeverity.Error,
                    text is null ? "certificate.made" : "certificate.damaged",
                    null,
                    null,
                    text is null
                        ? "There was no certificate for HTTPS."
                        : $"The certificate for HTTPS cannot be used, and was set aside as {folder.Certificate}.damaged.",
                    $"Made a self-signed one for {string.Join(", ", made.Names)}."
                )
            );
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Exchanges the certificate, durably, and in a running HAProxy without a connection lost.</summary>
    /// <param name="pem">The certificate, what leads to its issuer, and the private key.</param>
    public async Task<CertificateOutcome> ReplaceAsync(string pem, CancellationToken ct)
    {
        if (!CertificatePem.TryRead(pem, clock.GetUtcNow(), out var next, out var error))
            return new CertificateOutcome.Refused(error);
        await turn.WaitAsync(ct);
        try
        {
            if (await WhyHaproxyRefusesAsync(next, ct) is { } why)
                return new CertificateOutcome.Refused(why);
            var before = File.Exists(folder.Certificate) ? File.ReadAllText(folder.Certificate) : null;
            IngressFolder.Write(folder.Certificate, Encoding.UTF8.GetBytes(next.Text));
            Current = next;
            var outcome = await TryUseAsync(next, ct);
            if (outcome is CertificateOutcome.Refused && before is not null)
            {
                IngressFolder.Write(folder.Certificate, Encoding.UTF8.GetBytes(before));
                Current = CertificatePem.ReadStored(before);
                return outcome;
            }
            events.Append(
                new(
                    EventSeverity.Info,
                    "certificate.replaced",
                    null,
                    null,
                    $"A certificate for HTTPS was given: {next.Subject}, until {next.NotAfter:yyyy-MM-dd}.",
                    "It is in use; no connection was closed for it."
                )
            );
            return outcome;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new CertificateOutcome.Refused($"it cannot be written: {e.Message}");
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Gives a worker the certificate of the file, if it has another one.</summary>
    /// <exception cref="HaproxyException">It does not take it.</exception>
    internal async Task EnsureInUseAsync(int worker, CancellationToken ct)
    {
        await turn.WaitAsync(ct);
        try
        {
            if (Current is { } current)
                await UseAsync(worker, current, ct);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<CertificateOutcome> TryUseAsync(CertificatePem next, CancellationToken ct)
    {
        try
        {
            if ((await api.WorkersAsync(ct)).Current is not { } worker)
                return new CertificateOutcome.Replaced(next, IsInUse: false);
            await UseAsync(worker, next, ct);
            return new CertificateOutcome.Replaced(next, IsInUse: true);
        }
        catch (HaproxyException e) when (e.IsGone)
        {
            return new CertificateOutcome.Replaced(next, IsInUse: false);
        }
        catch (HaproxyException e)
        {
            log.CertificateNotTaken(e.Message);
            return new CertificateOutcome.Refused(e.Message);
        }
    }

    private async Task UseAsync(int worker, CertificatePem certificate, CancellationToken ct)
    {
        // Null: it serves no HTTPS yet.
        if (
            await api.FingerprintAsync(worker, folder.Certificate, ct) is not { } used
            || used.Equals(certificate.Fingerprint, StringComparison.OrdinalIgnoreCase)
        )
            return;
        if (Encoding.UTF8.GetByteCount(certificate.Text) > RuntimeApi.MostPayload)
            await api.ReloadAsync(ct);
        else
            await api.SetCertificateAsync(worker, folder.Certificate, certificate.Text, ct);
        log.CertificateUsed(certificate.Subject, certificate.NotAfter);
    }

    /// <summary>What we find good may still be too weak for its library.</summary>
    private async Task<string?> WhyHaproxyRefusesAsync(CertificatePem next, CancellationToken ct)
    {
        var (pem, trial) = (folder.Certificate + ".trial", folder.Certificate + ".trial.cfg");
        try
        {
            var text = $"""
                global
                    tune.ssl.default-dh-param 2048
                defaults
                    mode http
                    timeout connect 1s
                    timeout client 1s
                    timeout server 1s
                frontend trial
                    bind 127.0.0.1:443 ssl crt {HaproxyText.Word(pem)}

                """;
            IngressFolder.Write(pem, Encoding.UTF8.GetBytes(next.Text));
            IngressFolder.Write(trial, Encoding.UTF8.GetBytes(text));
            return await configuration.CheckFileAsync(trial, ct);
        }
        finally
        {
            File.Delete(pem);
            File.Delete(trial);
        }
    }
}
