using System.Globalization;
using Appliance.Agent.Storage;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Updates;

/// <summary>
/// Tries one container of the next version of a service on a share of its requests, for the time that the release says. It
/// is over before that when something speaks against it, or when somebody promotes it.
/// </summary>
internal sealed class Trial(Gate gate, TrafficWatch traffic, Rollout rollout, TimeProvider clock)
{
    // As often as a look at HAProxy's counters is worth it, and how much of a trial is repeated after a kill.
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WrittenEvery = TimeSpan.FromSeconds(10);

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
        var written = left;
        while (left > TimeSpan.Zero)
        {
            var changed = rollout.Changed;
            var said = rollout.Of(operation);
            if (said.PromotedBy is not null)
                break;
            var (tried, others) = await traffic.LookAtTrialAsync(candidate.Service, ct);
            if (TrafficJudge.Against(candidate.Service, tried, others, terms.MaxErrorRatio) is { } reason)
                return new Unfit(candidate.Service, reason);
            if (gate.HasFailedTrial(candidate, complaints) is { } fallen)
                return fallen;
            var from = clock.GetTimestamp();
            await WaitAsync(changed, left < Pace ? left : Pace, ct);
            // Held, it is watched on, and comes no nearer to its end.
            if (said.PausedBy is not null)
                continue;
            left -= clock.GetElapsedTime(from);
            if (written - left >= WrittenEvery)
                rollout.Spend(operation, written = left);
        }
        return null;
    }

    /// <summary>What came of it, for the history.</summary>
    public string Report(string service)
    {
        var (tried, others) = traffic.Trial(service);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"the new {service} was tried: {tried.Failed:N0} of its {tried.Requests:N0} requests failed, {others.Failed:N0} of {others.Requests:N0} of the others"
        );
    }

    private async Task WaitAsync(Task changed, TimeSpan atMost, CancellationToken ct)
    {
        using var enough = new CancellationTokenSource(atMost, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, ct);
        await changed.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ct.ThrowIfCancellationRequested();
    }
}
