using System.Text;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Ingress;

/// <summary>What came of a certificate that somebody set.</summary>
internal abstract record CertificateOutcome
{
    /// <param name="IsInUse">False: HAProxy is not there, and starts with it; or it is given to it as soon as it answers.</param>
    internal sealed record Replaced(CertificatePem Certificate, bool IsInUse) : CertificateOutcome;

    /// <param name="Why">A sentence without its full stop. The one before stays in use.</param>
    internal sealed record Refused(string Why) : CertificateOutcome;
}

/// <summary>
/// The certificate that HTTPS is served with: a file, for every start of HAProxy, and the same in the one that runs. The file
/// goes first; whatever it is cut short by, the next look finds a worker that was not given it, and gives it. A worker that
/// begins may have read the file before: so each is given it once.
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
    // A master that reloads is away for a moment.
    private static readonly TimeSpan Absence = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);

    private readonly SemaphoreSlim turn = new(1);
    private (int Worker, string Digest)? inUse;
    private Refusal? refusal;
    private bool isSwept;

    /// <summary>Called when a certificate was given, and HAProxy could not be told.</summary>
    public Action? WhenUnused { get; set; }

    /// <summary>What the file holds; null before the first look.</summary>
    public CertificatePem? Current { get; private set; }

    private string Trial => folder.Certificate + ".trial";

    public void Dispose() => turn.Dispose();

    /// <summary>Makes a certificate where there is none that can be used.</summary>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    /// <exception cref="UnauthorizedAccessException">As above.</exception>
    public async Task EnsureAsync(CancellationToken ct)
    {
        await turn.WaitAsync(ct);
        try
        {
            Sweep();
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
            // It is given by now, whoever still waits for it.
            var outcome = await TryUseAsync(next, CancellationToken.None);
            if (outcome is not CertificateOutcome.Replaced { IsInUse: var isInUse })
            {
                TakeBack(before);
                return outcome;
            }
            events.Append(
                new(
                    EventSeverity.Info,
                    "certificate.replaced",
                    null,
                    null,
                    $"A certificate for HTTPS was given: {next.Subject}, until {next.NotAfter:yyyy-MM-dd}.",
                    isInUse
                        ? "It is in use; no connection was closed for it."
                        : "HAProxy could not be told yet: it is in use from its next start on, or as soon as it answers."
                )
            );
            if (!isInUse)
                WhenUnused?.Invoke();
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

    /// <summary>Gives a worker the certificate of the file, if it may have another one.</summary>
    /// <returns>How long until it is to be tried again; null: it need not be.</returns>
    /// <exception cref="HaproxyException">It is gone.</exception>
    internal async Task<TimeSpan?> EnsureInUseAsync(int worker, CancellationToken ct)
    {
        if (Current is not { } known || inUse == (worker, known.Digest))
            return null;
        await turn.WaitAsync(ct);
        try
        {
            if (Current is not { } current || inUse == (worker, current.Digest))
                return null;
            var what = $"{worker} {current.Digest}";
            if (refusal?.LeftFor(what, clock) is { } left)
                return left;
            try
            {
                await UseAsync(worker, current, isGiven: false, ct);
                return null;
            }
            catch (HaproxyException e) when (!e.IsGone)
            {
                log.CertificateNotTaken(e.Message);
                refusal = Refusal.Of(refusal, what, e.Message, clock);
                return refusal.Pause;
            }
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<CertificateOutcome> TryUseAsync(CertificatePem next, CancellationToken ct)
    {
        var since = clock.GetTimestamp();
        while (true)
        {
            try
            {
                if ((await api.WorkersAsync(ct)).Current is not { } worker)
                    return new CertificateOutcome.Replaced(next, IsInUse: false);
                await UseAsync(worker, next, isGiven: true, ct);
                return new CertificateOutcome.Replaced(next, IsInUse: true);
            }
            catch (HaproxyException e) when (e.IsGone && clock.GetElapsedTime(since) < Absence)
            {
                await Task.Delay(Between, clock, ct);
            }
            catch (HaproxyException e) when (e.IsGone || e.IsSilent)
            {
                return new CertificateOutcome.Replaced(next, IsInUse: false);
            }
            catch (HaproxyException e)
            {
                log.CertificateNotTaken(e.Message);
                return new CertificateOutcome.Refused(e.Message);
            }
        }
    }

    /// <param name="isGiven">Whether somebody has just given it; else a worker is looked at that may have read it.</param>
    private async Task UseAsync(int worker, CertificatePem certificate, bool isGiven, CancellationToken ct)
    {
        var isLong = Encoding.UTF8.GetByteCount(certificate.Text) > RuntimeApi.MostPayload;
        var used = await api.CertificateAsync(worker, folder.Certificate, ct);
        // Who has none serves no HTTPS yet, and reads the file before it does. HAProxy does not tell all of one, so that it is
        // exchanged for the same rather than left; a reload for it is too much where all that it tells is the same.
        if (used is null || (!isGiven && isLong && IsTold(used, certificate)))
        {
            inUse = (worker, certificate.Digest);
            return;
        }
        inUse = null;
        if (isLong)
        {
            var before = await api.WorkersAsync(ct);
            await api.ReloadAsync(ct);
            worker = (await api.AfterReloadAsync(before, clock, ct)).Current ?? worker;
        }
        else
            await api.SetCertificateAsync(worker, folder.Certificate, certificate.Text, ct);
        if (await api.CertificateAsync(worker, folder.Certificate, ct) is { } now && !IsLeafOf(now, certificate))
            throw new HaproxyException("it has another one than it was given", isGone: false);
        inUse = (worker, certificate.Digest);
        if (isGiven || !IsTold(used, certificate))
            log.CertificateUsed(certificate.Subject, certificate.NotAfter);
    }

    private static bool IsTold(UsedCertificate used, CertificatePem certificate) =>
        IsLeafOf(used, certificate) && used.ChainLength == certificate.ChainLength;

    private static bool IsLeafOf(UsedCertificate used, CertificatePem certificate) =>
        used.Fingerprint.Equals(certificate.Fingerprint, StringComparison.OrdinalIgnoreCase);

    /// <summary>A trial that was cut short has left a key.</summary>
    private void Sweep()
    {
        if (isSwept)
            return;
        if (Directory.Exists(folder.Certificates))
        {
            var name = Path.GetFileName(folder.Certificate);
            foreach (var left in Directory.EnumerateFiles(folder.Certificates, $"{name}.*"))
            {
                if (left.StartsWith(Trial, StringComparison.Ordinal) || left == $"{folder.Certificate}.next")
                    File.Delete(left);
            }
        }
        isSwept = true;
    }

    private void TakeBack(string? before)
    {
        if (before is null)
            File.Delete(folder.Certificate);
        else
            IngressFolder.Write(folder.Certificate, Encoding.UTF8.GetBytes(before));
        Current = before is null ? null : CertificatePem.ReadStored(before);
    }

    /// <summary>What we find good may still be too weak for its library.</summary>
    private async Task<string?> WhyHaproxyRefusesAsync(CertificatePem next, CancellationToken ct)
    {
        var (pem, trial) = (Trial, Trial + ".cfg");
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
