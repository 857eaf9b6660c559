using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>Why a release is not fit to stay.</summary>
internal sealed record Unfit(string Service, string Reason);

/// <summary>
/// Waits for services to prove themselves, and says why they do not. Waiting is for a state of the service as the new
/// release has it: what was known of the one before proves nothing.
/// </summary>
internal sealed class Gate(
    ISupervisor supervisor,
    EventLog events,
    IOptionsMonitor<UpdatesOptions> options,
    TimeProvider clock
)
{
    // An unhealthy service is restarted within moments: the event outlives the state.
    private static readonly string[] GivenUp = ["service.unhealthy", "service.failed", "service.failing"];

    /// <summary>What happened until now is not held against a service.</summary>
    public long Mark() => events.LastId;

    /// <summary>Waits until the engine answers.</summary>
    public async Task EngineAsync(CancellationToken ct)
    {
        while (supervisor.View is { Engine.Reachable: false } view)
            await WaitForChangeAsync(view, Timeout.InfiniteTimeSpan, ct);
    }

    /// <summary>Waits until a service is as wanted and well.</summary>
    /// <param name="startPeriod">What the service declares that it takes to start.</param>
    /// <param name="since">See <see cref="Mark"/>.</param>
    /// <returns>Null when it is; otherwise why not.</returns>
    public async Task<Unfit?> PassAsync(
        string service,
        string configHash,
        TimeSpan startPeriod,
        long since,
        CancellationToken ct
    )
    {
        var allowed = options.CurrentValue.StartTimeout + startPeriod;
        var waited = TimeSpan.Zero;
        while (true)
        {
            var view = supervisor.View;
            if (IsWell(view.Service(service), configHash))
                return null;
            if (Complaint(service, since) is { } reason)
                return new Unfit(service, reason);
            // Nothing of what an engine that is away does counts against the release.
            if (view.Engine.Reachable && waited >= allowed)
                return new Unfit(
                    service,
                    $"{service} was not healthy within {allowed.TotalSeconds:0} s: {view.Service(service)?.Explanation}"
                );
            var from = clock.GetTimestamp();
            await WaitForChangeAsync(view, view.Engine.Reachable ? allowed - waited : Timeout.InfiniteTimeSpan, ct);
            if (view.Engine.Reachable)
                waited += clock.GetElapsedTime(from);
        }
    }

    /// <summary>Watches services that are well, for as long as they have to stay so.</summary>
    public async Task<Unfit?> StayAsync(
        IReadOnlyDictionary<string, string> configHashes,
        TimeSpan period,
        long since,
        CancellationToken ct
    )
    {
        var watched = TimeSpan.Zero;
        while (watched < period)
        {
            var view = supervisor.View;
            foreach (var (service, hash) in configHashes)
            {
                if (Complaint(service, since) is { } reason)
                    return new Unfit(service, reason);
                if (view.Engine.Reachable && view.Service(service) is { } seen && HasFallen(seen, hash))
                    return new Unfit(service, $"{service} did not stay healthy: {seen.Explanation}");
            }
            var from = clock.GetTimestamp();
            await WaitForChangeAsync(view, view.Engine.Reachable ? period - watched : Timeout.InfiniteTimeSpan, ct);
            if (view.Engine.Reachable)
                watched += clock.GetElapsedTime(from);
        }
        return null;
    }

    /// <summary>Waits until nothing is left that the release does not have; no longer than a service may take to start.</summary>
    public async Task TidyAsync(CancellationToken ct)
    {
        var began = clock.GetTimestamp();
        while (supervisor.View is { IsTidy: false } view)
        {
            var left = options.CurrentValue.StartTimeout - clock.GetElapsedTime(began);
            if (left <= TimeSpan.Zero)
                return;
            await WaitForChangeAsync(view, left, ct);
        }
    }

    private static bool IsWell(ServiceView? seen, string configHash) =>
        seen is not null
        && seen.ConfigHash == configHash
        && seen.State is ServiceState.Running or ServiceState.Completed or ServiceState.Stopped;

    private static bool HasFallen(ServiceView seen, string configHash) =>
        seen.ConfigHash == configHash
        && seen.State is ServiceState.Unhealthy or ServiceState.Failed or ServiceState.BackingOff;

    private string? Complaint(string service, long since)
    {
        var restarts = 0;
        foreach (var e in events.After(since, int.MaxValue, service))
        {
            if (GivenUp.Contains(e.Kind))
                return $"{service}: {e.Found}";
            if (e.Kind == "container.restarted" && ++restarts >= options.CurrentValue.Attempts)
                return $"{e.Found}; it was restarted {restarts} times";
        }
        return null;
    }

    private async Task WaitForChangeAsync(SupervisionView seen, TimeSpan atMost, CancellationToken ct)
    {
        using var enough = new CancellationTokenSource(atMost, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, ct);
        await supervisor.WaitForChangeAsync(seen, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ct.ThrowIfCancellationRequested();
    }
}
