using System.Globalization;
using Appliance.Agent.Ingress;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>
/// Follows the requests while an operation runs: what fails of those to the new containers counts against the release, and
/// what the change cost is told at its end.
/// </summary>
internal sealed class TrafficWatch(
    IngressCounters counters,
    ISupervisor supervisor,
    IOptionsMonitor<UpdatesOptions> options,
    IOptionsMonitor<IngressOptions> ingress,
    TimeProvider clock
)
{
    // As often as somebody waits for what it finds; HAProxy answers within a millisecond.
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    private static readonly HashSet<string> Nobody = [];

    private TrafficSpan operation = TrafficSpan.None;
    private TrafficSpan trial = TrafficSpan.None;
    private HashSet<string> served = [];
    private long lookedAt;

    /// <summary>How long may be waited until the next look; null: nothing goes through ingress, so that there is none.</summary>
    public TimeSpan? NextLook => supervisor.View.Published.Count > 0 ? Pace : null;

    /// <summary>
    /// Whether what fails would be seen, as of the last look. Where ingress is switched off there is nothing to see, and
    /// nothing to wait for.
    /// </summary>
    public bool Sees => operation.To.IsFresh || !ingress.CurrentValue.Enabled;

    /// <summary>From now on it counts, against those that serve now.</summary>
    public async Task BeginAsync(CancellationToken ct)
    {
        var now = await counters.ReadAsync(ct);
        operation = trial = new TrafficSpan(now, now);
        served = [.. IdsOf(supervisor.View.Services.SelectMany(s => s.Containers), c => c.IsCurrent)];
        lookedAt = clock.GetTimestamp();
    }

    /// <summary>From now on it counts for a container that is tried.</summary>
    public async Task BeginTrialAsync(CancellationToken ct)
    {
        await ReadAsync(ct);
        trial = new TrafficSpan(operation.To, operation.To);
    }

    /// <summary>Looks, if it is time to.</summary>
    /// <param name="services">Those that have new containers.</param>
    /// <returns>Why one of them is not fit to stay; null: nothing speaks against them.</returns>
    public async Task<Unfit?> LookAsync(IEnumerable<string> services, CancellationToken ct)
    {
        if (NextLook is null || clock.GetElapsedTime(lookedAt) < Pace)
            return null;
        await ReadAsync(ct);
        foreach (var service in services)
        {
            var (tried, others) = operation.Compare(service, IdsOf(service, c => c.IsCurrent), served);
            if (TrafficJudge.OfErrors(service, tried, others, options.CurrentValue.MaxErrorRatio) is { } reason)
                return new Unfit(service, reason);
        }
        return null;
    }

    /// <summary>How a container that is tried fares beside the others, in the same time.</summary>
    public async Task<(Tally Tried, Tally Others)> LookAtTrialAsync(string service, CancellationToken ct)
    {
        await ReadAsync(ct);
        return Trial(service);
    }

    /// <summary>As of the last look.</summary>
    public (Tally Tried, Tally Others) Trial(string service) =>
        trial.Compare(service, IdsOf(service, c => c.IsCanary), Nobody);

    /// <summary>A sentence, and what the change cost those who used the application meanwhile, as far as it was seen.</summary>
    public async Task<string> WithSummaryAsync(string sentence, CancellationToken ct)
    {
        await ReadAsync(ct);
        return operation is { Requests: > 0 and var requests, Failed: var failed }
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{sentence}; {failed:N0} of {requests:N0} requests failed meanwhile"
            )
            : sentence;
    }

    private async Task ReadAsync(CancellationToken ct)
    {
        var now = await counters.ReadAsync(ct);
        operation = operation with { To = now };
        trial = trial with { To = now };
        lookedAt = clock.GetTimestamp();
    }

    private HashSet<string> IdsOf(string service, Func<ContainerView, bool> which) =>
        IdsOf(supervisor.View.Service(service)?.Containers ?? [], which);

    private static HashSet<string> IdsOf(IEnumerable<ContainerView> containers, Func<ContainerView, bool> which) =>
        [.. containers.Where(which).Select(c => c.Id)];
}
