using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Health;

/// <summary>What the probes of a container say of it together: pure, each in the roles that the release gives it.</summary>
internal static class Verdicts
{
    /// <summary>
    /// Starting until every startup probe has succeeded once; unhealthy when one of them, or one that decides about life, has
    /// failed often enough; unready when one that decides about requests has; else healthy.
    /// </summary>
    public static (HealthState State, string Output) Of(IReadOnlyList<(ProbeRole Role, ProbePolicy Policy)> probes)
    {
        // Those that have not begun say nothing.
        if (Worst(ProbeRole.Startup, HealthState.Unhealthy) is { } unstarted)
            return (HealthState.Unhealthy, unstarted.Output);
        if (Worst(ProbeRole.Startup, HealthState.Starting) is { } starting)
            return (HealthState.Starting, starting.Output);
        if (Worst(ProbeRole.Liveness, HealthState.Unhealthy) is { } dead)
            return (HealthState.Unhealthy, dead.Output);
        if (Worst(ProbeRole.Readiness, HealthState.Starting) is { } unproven)
            return (HealthState.Starting, unproven.Output);
        if (Worst(ProbeRole.Readiness, HealthState.Unhealthy) is { } unready)
            return (HealthState.Unready, unready.Output);
        // What a healthy container said last is nobody's news.
        return (HealthState.Healthy, "");

        ProbePolicy? Worst(ProbeRole role, HealthState state) =>
            probes.Where(p => p.Role.HasFlag(role) && p.Policy.State == state).Select(p => p.Policy).FirstOrDefault();
    }

    /// <summary>Whether they call it unready for nothing else than answers that did not come in time.</summary>
    public static bool AreOverdue(IReadOnlyList<(ProbeRole Role, ProbePolicy Policy)> probes) =>
        Of(probes).State is HealthState.Unready
        && probes.All(p => p.Policy is not { State: HealthState.Unhealthy, IsOverdue: false });

    /// <summary>Whether all that has to have succeeded before others are asked has.</summary>
    public static bool HasStarted(IReadOnlyList<(ProbeRole Role, ProbePolicy Policy)> probes) =>
        probes.All(p => !p.Role.HasFlag(ProbeRole.Startup) || p.Policy.State is HealthState.Healthy);
}
