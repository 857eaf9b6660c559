using System.Globalization;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>
/// Tries one container of the next version of a service on a share of its requests, for the time that the release says. It
/// is over before that when something speaks against it, or when somebody promotes it.
/// </summary>
internal sealed class Trial(
    Gate gate,
    TrafficWatch traffic,
    Rollout rollout,
    ISupervisor supervisor,
    IOptionsMonitor<UpdatesOptions> options,
    TimeProvider clock,
    ILogger<Trial> log
)
{
    // As often as a look at HAProxy's counters is worth it, and how much of a trial is repeated after a kill.
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WrittenEvery = TimeSpan.FromSeconds(10);

    /// <summary>What a moment says of what is tried.</summary>
    internal enum Moment
    {
        /// <summary>It is well, and how its requests go is seen: time goes by.</summary>
        Counts,

        /// <summary>It is not there, or not well: no evidence for it, and not for long.</summary>
        Unready,

        /// <summary>Nobody can tell.</summary>
        Unseen,

        /// <summary>Somebody keeps the service stopped, or it is to have no containers: there is nothing to try.</summary>
        Stopped,
    }

    /// <param name="candidate">The service; its hash is that of what is tried.</param>
    /// <param name="complaints">About all that has to stay well meanwhile.</param>
    /// <returns>Why it is not fit; null: it has proven itself.</returns>
    public async Task<Unfit?> RunAsync(
        Operation operation,
        Candidate candidate,
        Canary terms,
        Complaints complaints,
        CancellationToken ct
    )
    {
        var left = rollout.BeginTrial(operation, candidate.Service, terms.Duration).Left;
        if (await gate.TriedAsync(candidate, complaints, ct) is { } late)
            return late;
        await traffic.BeginTrialAsync(ct);
        if (supervisor.View.Service(candidate.Service)?.Containers.FirstOrDefault(c => c.IsCanary) is { } container)
            complaints.WatchTried(candidate.Service, container.Name);
        try
        {
            return await WatchAsync(operation, candidate, terms, complaints, left, ct);
        }
        finally
        {
            complaints.DropTried();
        }
    }

    /// <summary>What came of it, for the history.</summary>
    public string Report(string service)
    {
        if (supervisor.View.Service(service) is { State: ServiceState.Stopped })
            return $"{service} is kept stopped, so that nothing of it was tried";
        var (tried, others) = traffic.Trial(service);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"the new {service} was tried: {tried.Failed:N0} of its {tried.Requests:N0} requests failed, {others.Failed:N0} of {others.Requests:N0} of the others"
        );
    }

    /// <summary>Pure.</summary>
    internal static Moment MomentOf(SupervisionView view, Candidate candidate, bool isSeen)
    {
        if (!view.Engine.Reachable)
            return Moment.Unseen;
        var service = view.Service(candidate.Service);
        if (service is { State: ServiceState.Stopped })
            return Moment.Stopped;
        if (service?.Canary is not { State: ServiceState.Running } seen || seen.ConfigHash != candidate.ConfigHash)
            return Moment.Unready;
        return isSeen ? Moment.Counts : Moment.Unseen;
    }

    private async Task<Unfit?> WatchAsync(
        Operation operation,
        Candidate candidate,
        Canary terms,
        Complaints complaints,
        TimeSpan left,
        CancellationToken ct
    )
    {
        var written = left;
        var patience = options.CurrentValue.StartTimeout + candidate.StartPeriod;
        var wasSeen = true;
        while (true)
        {
            var changed = rollout.Changed;
            var said = rollout.Of(operation);
            if (await gate.HasFailedTrialAsync(candidate, complaints, ct) is { } fallen)
                return fallen;
            var (tried, others) = await traffic.LookAtTrialAsync(candidate.Service, ct);
            if (
                (
                    TrafficJudge.OfErrors(candidate.Service, tried, others, terms.MaxErrorRatio)
                    ?? TrafficJudge.OfTimes(candidate.Service, tried, others, isOver: left <= TimeSpan.Zero)
                ) is
                { } reason
            )
                return new Unfit(candidate.Service, reason);
            var view = supervisor.View;
            var moment = MomentOf(view, candidate, traffic.Sees);
            var isOver = moment is Moment.Stopped || (moment is Moment.Counts && left <= TimeSpan.Zero);
            if (said.PromotedBy is not null || (isOver && said.PausedBy is null))
                return null;
            if (moment is Moment.Unready && patience <= TimeSpan.Zero)
                return new Unfit(
                    candidate.Service,
                    $"the new {candidate.Service} does not stay ready: {view.Service(candidate.Service)?.Canary?.Explanation}"
                );
            if (wasSeen && moment is Moment.Unseen)
                log.TrialWaits(candidate.Service);
            wasSeen = moment is not Moment.Unseen;
            var from = clock.GetTimestamp();
            await WaitAsync(changed, left > TimeSpan.Zero && left < Pace ? left : Pace, ct);
            var elapsed = clock.GetElapsedTime(from);
            if (moment is Moment.Unready)
                patience -= elapsed;
            // Held, it is watched on, and comes no nearer to its end.
            if (moment is not Moment.Counts || said.PausedBy is not null)
                continue;
            left -= elapsed;
            if (written - left >= WrittenEvery)
                rollout.Spend(operation, written = left);
        }
    }

    private async Task WaitAsync(Task changed, TimeSpan atMost, CancellationToken ct)
    {
        using var enough = new CancellationTokenSource(atMost, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, ct);
        await changed.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ct.ThrowIfCancellationRequested();
    }
}
