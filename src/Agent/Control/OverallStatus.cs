using System.Globalization;
using Appliance.Agent.Healing;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Control;

internal enum Overall
{
    Ok,
    Degraded,
    Failed,
}

/// <summary>What an administrator reads first.</summary>
/// <param name="Problems">One sentence for each thing that keeps it from OK.</param>
internal sealed record OverallStatus(Overall Health, IReadOnlyList<string> Problems)
{
    /// <param name="view">What supervision knows.</param>
    /// <param name="stateProblem">Why the agent's own state is not durable; null when it is.</param>
    /// <param name="disks">Those that are watched.</param>
    public static OverallStatus Of(SupervisionView view, string? stateProblem, params IEnumerable<WatchedDisk> disks)
    {
        var low = disks.Where(d => d.Level is not DiskLevel.Enough).Select(d => Sentence(d.Sentence));
        var findings = Findings(view, stateProblem)
            .Concat(low.Select(s => (Health: Overall.Degraded, Problem: s)))
            .ToList();
        return new(
            findings.Count == 0 ? Overall.Ok : findings.Max(f => f.Health),
            [.. findings.Select(f => f.Problem)]
        );
    }

    private static IEnumerable<(Overall Health, string Problem)> Findings(SupervisionView view, string? stateProblem)
    {
        if (!view.Engine.Reachable)
        {
            var since = view.Engine.Since.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
            // With live-restore the containers go on without it; else they went with it.
            yield return (
                view.Engine.LiveRestore ? Overall.Degraded : Overall.Failed,
                $"The engine at {view.Engine.Endpoint} is not reachable since {since} UTC: {view.Engine.Error}"
            );
        }
        if (view.ReleaseProblem is { } problem)
            yield return (Overall.Failed, problem);
        if (stateProblem is not null)
            yield return (Overall.Degraded, $"The agent's state is kept in memory only: {stateProblem}");
        if (view.IsClosed)
            yield return (
                Overall.Degraded,
                "Nobody is let through to the application while an update changes its data."
            );
        foreach (var ill in view.Problems)
            yield return (Overall.Degraded, Sentence(ill.Sentence));
        foreach (var service in view.Services)
        {
            if (HealthOf(service) is var health and not Overall.Ok)
                yield return (health, $"{service.Name}: {service.Explanation}");
        }
    }

    private static string Sentence(string text) => $"{char.ToUpperInvariant(text[0])}{text[1..]}.";

    private static Overall HealthOf(ServiceView service) =>
        service.State switch
        {
            ServiceState.Running when service.Ready >= service.Replicas => Overall.Ok,
            ServiceState.Completed => Overall.Ok,
            // A person asked for it.
            ServiceState.Stopped or ServiceState.Stopping => Overall.Ok,
            ServiceState.Unready
            or ServiceState.Unhealthy
            or ServiceState.BackingOff
            or ServiceState.Failed when service.Ready == 0 => Overall.Failed,
            _ => Overall.Degraded,
        };
}
