using System.Globalization;
using Appliance.Bundles.Compose.Reading;

namespace Appliance.Bundles.Compose.Rendering;

internal static class CanonicalDeploy
{
    public static CanonicalMap Of(Deploy deploy) =>
        new CanonicalMap()
            .Add("replicas", deploy.Replicas == 1 ? null : deploy.Replicas)
            .AddNonEmpty(
                "resources",
                new CanonicalMap()
                    .AddNonEmpty("limits", Amounts(deploy.Limits))
                    .AddNonEmpty("reservations", Amounts(deploy.Reservations))
            )
            .AddNonEmpty("update_config", Policy(deploy.Update))
            .AddNonEmpty("rollback_config", Policy(deploy.Rollback))
            .AddNonEmpty("labels", deploy.Labels);

    private static CanonicalMap Amounts(Resources amounts) =>
        new CanonicalMap()
            .Add("cpus", Number(amounts.Cpus))
            .Add("memory", amounts.MemoryBytes is { } bytes ? ByteSizes.Format(bytes) : null)
            .Add("pids", amounts.Pids);

    private static CanonicalMap Policy(UpdatePolicy policy) =>
        policy == UpdatePolicy.Default
            ? new()
            : new CanonicalMap()
                .Add("parallelism", policy.Parallelism)
                .Add("delay", Durations.Format(policy.Delay))
                .Add(
                    "failure_action",
                    policy.FailureAction switch
                    {
                        FailureAction.Continue => "continue",
                        FailureAction.Rollback => "rollback",
                        _ => "pause",
                    }
                )
                .Add("monitor", Durations.Format(policy.Monitor))
                .Add("max_failure_ratio", new CanonicalNode.Literal(Number(policy.MaxFailureRatio)!))
                .Add("order", policy.Order == UpdateOrder.StartFirst ? "start-first" : "stop-first");

    // Without the trailing zeros that a decimal remembers.
    public static string? Number(decimal? value) =>
        value?.ToString("0.############################", CultureInfo.InvariantCulture);
}
