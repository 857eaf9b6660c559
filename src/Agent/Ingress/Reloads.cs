using Appliance.Agent.Storage;

namespace Appliance.Agent.Ingress;

/// <summary>Has HAProxy take another shape, in the way that leaves it with the one before if it does not.</summary>
internal sealed class Reloads(
    RuntimeApi api,
    HaproxyConfiguration configuration,
    IngressCertificates certificates,
    IngressFolder folder,
    StartFile file,
    OldWorkers oldWorkers,
    EventLog events,
    TimeProvider clock,
    ILogger log
)
{
    private Refusal? refusal;

    /// <summary>Why what was tried last does not run; null: it does.</summary>
    public string? Problem => refusal?.Why;

    /// <summary>How long until a shape is tried again; null: it may be tried.</summary>
    public TimeSpan? PauseFor(string hash) => refusal?.LeftFor(hash, clock);

    /// <summary>What is wanted runs.</summary>
    public void Forget() => refusal = null;

    /// <summary>Writes what HAProxy is to start with, while it is away.</summary>
    public async Task PrepareAsync(string hash, string content, CancellationToken ct)
    {
        try
        {
            if (PauseFor(hash) is not null || file.Is(content))
                return;
            if (await CheckAsync(content, ct) is { } words)
            {
                Refuse(hash, words);
                return;
            }
            file.Promote();
            file.Took(content);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            file.Note(folder.Configuration, e.Message);
        }
    }

    /// <summary>Reloads HAProxy into a shape.</summary>
    /// <param name="content">The whole file.</param>
    /// <param name="running">The hash of what runs; null: nothing of ours.</param>
    /// <param name="longestIdle">For how long a client may have been silent by what runs.</param>
    /// <returns>The worker that runs it; null: it is refused.</returns>
    public async Task<int?> TryAsync(
        string hash,
        string content,
        IngressShape shape,
        Workers before,
        string? running,
        TimeSpan longestIdle,
        CancellationToken ct
    )
    {
        IDisposable? hold = null;
        string? good = null;
        var isUnproven = false;
        try
        {
            if (await CheckAsync(content, ct) is { } words)
            {
                Refuse(hash, words);
                return null;
            }
            good = file.Promote(running);
            isUnproven = true;
            hold = await api.HoldAsync(ct);
            var retiring = clock.GetTimestamp();
            var said = await api.ReloadAsync(ct);
            var now = await api.AfterReloadAsync(before, clock, ct);
            if (now.Current is { } pid && pid != before.Current && await api.ShapeOfAsync(pid, ct) == hash)
            {
                isUnproven = false;
                file.Took(content);
                oldWorkers.Retire(before.Current!.Value, retiring, longestIdle, hold);
                hold = null;
                TellTaken(hash, shape, pid, before.Current.Value);
                return pid;
            }
            Refuse(
                hash,
                said.Length > 0
                    ? HaproxyConfiguration.Alerts(said)
                    : "the new process did not start; HAProxy's log says why"
            );
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Refuse(hash, $"{folder.Configuration} cannot be written: {e.Message}");
            return null;
        }
        finally
        {
            // Whatever it ended by: as far as is known HAProxy goes on as it was, and its next start must too.
            if (isUnproven)
                file.PutBack(good);
            hold?.Dispose();
        }
    }

    private async Task<string?> CheckAsync(string content, CancellationToken ct)
    {
        configuration.EnsureMaintenancePage();
        await certificates.EnsureAsync(ct);
        return await configuration.CheckAsync(content, ct);
    }

    private void TellTaken(string hash, IngressShape shape, int pid, int before)
    {
        log.Reloaded(hash, pid, before);
        events.Append(
            new(
                EventSeverity.Info,
                "ingress.reloaded",
                null,
                null,
                "What is reached through ingress, or how, has changed.",
                $"HAProxy took it over without closing a connection ({shape.Routes.Count} routes, {shape.Listeners.Count} ports)."
            )
        );
    }

    private void Refuse(string hash, string why)
    {
        var isNews = refusal?.Hash != hash || refusal.Why != why;
        refusal = Refusal.Of(refusal, hash, why, clock);
        if (!isNews)
            return;
        log.Refused(hash, why);
        events.Append(
            new(
                EventSeverity.Error,
                "ingress.refused",
                null,
                null,
                $"HAProxy does not take what is to be reached through ingress: {why}.",
                "The configuration before it stays in use; tries again from time to time."
            )
        );
    }
}
