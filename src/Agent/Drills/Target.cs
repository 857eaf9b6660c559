using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;
using Appliance.Docker;

namespace Appliance.Agent.Drills;

/// <summary>What a service needs for what a disaster has it do, as its release declares it.</summary>
/// <param name="Notice">Until its probes have found out that it is not well; null: nothing finds that out.</param>
/// <param name="Start">From a start until it counts as healthy, at most.</param>
/// <param name="Grace">To end by itself.</param>
internal sealed record Timings(TimeSpan? Notice, TimeSpan Start, TimeSpan Grace)
{
    // What the engine takes where a health check does not say it.
    private static readonly TimeSpan EnginesInterval = TimeSpan.FromSeconds(30);
    private const int EnginesRetries = 3;

    /// <summary>Pure.</summary>
    public static Timings Of(IReadOnlyList<Probe> probes, HealthcheckSpec? check, TimeSpan grace)
    {
        var notices = probes
            .Where(p => p.Role.HasFlag(ProbeRole.Liveness))
            .Select(p => (p.Timing.Interval * p.Timing.UnhealthyAfter) + p.Timing.Timeout)
            .ToList();
        var starts = probes
            .Select(p => p.Timing.StartPeriod + (p.Timing.Interval * p.Timing.HealthyAfter) + p.Timing.Timeout)
            .ToList();
        if (check is { Test: { Count: > 0 } test } && test[0] != "NONE")
        {
            var (interval, timeout) = (Or(check.Interval), Or(check.Timeout));
            notices.Add((interval * (check.Retries > 0 ? check.Retries : EnginesRetries)) + timeout);
            starts.Add(check.StartPeriod + interval + timeout);
        }
        // The one that notices first is what counts; the one that is satisfied last is what a start waits for.
        return new Timings(
            notices.Count > 0 ? notices.Min() : null,
            starts.Count > 0 ? starts.Max() : TimeSpan.Zero,
            grace
        );
    }

    private static TimeSpan Or(TimeSpan declared) => declared > TimeSpan.Zero ? declared : EnginesInterval;
}

/// <param name="Container">The replica that is hit; disasters of the machine hit none.</param>
/// <param name="Inspection">All that the engine knows of it.</param>
internal sealed record Target(string Service, ContainerView Container, ContainerInspection Inspection, Timings Timings)
{
    public string Id => Container.Id;

    public string Name => Container.Name;
}

/// <summary>Finds what a disaster is aimed at.</summary>
internal sealed class Targets(ISupervisor supervisor, DockerEngine engine)
{
    private static readonly TimeSpan UsualGrace = TimeSpan.FromSeconds(10);

    /// <summary>The service to take where none is named: one that is reached from outside, or else the first that runs.</summary>
    public string? DefaultService =>
        supervisor.View.Published is [var published, ..]
            ? published.Name
            : supervisor
                .View.Services.Where(s => s is { IsMeantToEnd: false, State: ServiceState.Running })
                .OrderByDescending(s => s.Ports.Count > 0)
                .FirstOrDefault()
                ?.Name;

    /// <param name="turn">Another replica for each: the same one again and again would only show how it is backed off.</param>
    /// <returns>Null: nothing of it runs.</returns>
    /// <exception cref="EngineUnavailableException"/>
    /// <exception cref="DockerEngineException"/>
    public async Task<Target?> FindAsync(string service, int turn, CancellationToken ct)
    {
        var view = supervisor.View;
        var running = (view.Service(service)?.Containers ?? [])
            .Where(c => c is { State: "running", IsCurrent: true, IsCanary: false })
            .OrderBy(c => c.Replica)
            .ToList();
        if (running.Count == 0)
            return null;
        var container = running[turn % running.Count];
        var inspection = await engine.Containers.InspectAsync(container.Id, ct);
        var probes = view.Targets.FirstOrDefault(t => t.ContainerId == container.Id)?.Probes ?? [];
        var grace =
            view.Published.FirstOrDefault(p => p.Name == service)?.StopGrace
            ?? (inspection.Config.StopTimeout is { } seconds ? TimeSpan.FromSeconds(seconds) : UsualGrace);
        return new Target(service, container, inspection, Timings.Of(probes, inspection.Config.Healthcheck, grace));
    }
}
