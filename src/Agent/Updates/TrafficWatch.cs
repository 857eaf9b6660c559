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
    TimeProvider clock
)
{
    // As often as somebody waits for what it finds; HAProxy answers within a millisecond.
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    private IngressTotals first = IngressTotals.None;
    private IngressTotals last = IngressTotals.None;
    private long lookedAt;

    /// <summary>How long may be waited until the next look; null: nothing goes through ingress, so that there is none.</summary>
    public TimeSpan? NextLook => supervisor.View.Published.Count > 0 ? Pace : null;

    /// <summary>From now on it counts.</summary>
    public async Task BeginAsync(CancellationToken ct)
    {
        first = last = await counters.ReadAsync(ct);
        lookedAt = clock.GetTimestamp();
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
            var (tried, others) = Compare(service, isNew: c => c.IsCurrent);
            if (TrafficJudge.Against(service, tried, others, options.CurrentValue.MaxErrorRatio) is { } reason)
                return new Unfit(service, reason);
        }
        return null;
    }

    /// <summary>How a container that is tried fares beside the others.</summary>
    public async Task<(Tally Tried, Tally Others)> LookAtTrialAsync(string service, CancellationToken ct)
    {
        await ReadAsync(ct);
        return Compare(service, isNew: c => c.IsCanary);
    }

    /// <summary>As of the last look.</summary>
    public (Tally Tried, Tally Others) Trial(string service) => Compare(service, isNew: c => c.IsCanary);

    /// <summary>What went through ingress meanwhile: "0 of 41,312 requests failed"; null: nothing did.</summary>
    public async Task<string?> SummaryAsync(CancellationToken ct)
    {
        await ReadAsync(ct);
        var requests = last.Services.Sum(s => s.Requests) - first.Services.Sum(s => s.Requests);
        var failed = last.Services.Sum(s => s.Failed) - first.Services.Sum(s => s.Failed);
        return requests > 0
            ? string.Create(CultureInfo.InvariantCulture, $"{failed:N0} of {requests:N0} requests failed meanwhile")
            : null;
    }

    private async Task ReadAsync(CancellationToken ct)
    {
        last = await counters.ReadAsync(ct);
        lookedAt = clock.GetTimestamp();
    }

    private (Tally New, Tally Others) Compare(string service, Func<ContainerView, bool> isNew)
    {
        var fresh = (supervisor.View.Service(service)?.Containers ?? []).Where(isNew).Select(c => c.Id).ToHashSet();
        var all = last.Servers.Where(s => s.Service == service).ToList();
        return (Of(all.Where(s => fresh.Contains(s.ContainerId))), Of(all.Where(s => !fresh.Contains(s.ContainerId))));
    }

    private static Tally Of(IEnumerable<ServerTotals> servers)
    {
        var all = servers.ToList();
        var answering = all.Where(s => s is { ResponseTime: not null, Requests: > 0 }).ToList();
        var weight = answering.Sum(s => s.Requests);
        return new(
            all.Sum(s => s.Requests),
            all.Sum(s => s.Failed),
            weight == 0
                ? null
                : TimeSpan.FromTicks(
                    (long)answering.Sum(s => s.ResponseTime!.Value.Ticks * ((double)s.Requests / weight))
                )
        );
    }
}
