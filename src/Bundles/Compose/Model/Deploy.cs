namespace Appliance.Bundles.Compose;

/// <summary>How many, how big, and how they are replaced; the meaning is Swarm's.</summary>
/// <param name="Labels">Labels of the service, not of its containers.</param>
public sealed record Deploy(
    int Replicas,
    Resources Limits,
    Resources Reservations,
    UpdatePolicy Update,
    UpdatePolicy Rollback,
    IReadOnlyDictionary<string, string> Labels
)
{
    public static Deploy Default { get; } =
        new(1, Resources.Unset, Resources.Unset, UpdatePolicy.Default, UpdatePolicy.Default, Empty.Strings);
}

/// <summary>Amounts; what is null is not limited, or not reserved.</summary>
/// <param name="Cpus">In cores, to a thousandth or finer.</param>
/// <param name="Pids">Limits only.</param>
public sealed record Resources(decimal? Cpus, long? MemoryBytes, long? Pids)
{
    public static Resources Unset { get; } = new(null, null, null);
}

public enum FailureAction
{
    Pause,
    Continue,

    /// <summary>Of an update only.</summary>
    Rollback,
}

public enum UpdateOrder
{
    StopFirst,
    StartFirst,
}

/// <param name="Parallelism">Replicas that are replaced at a time; 0: all at once.</param>
/// <param name="Delay">Between one batch and the next.</param>
/// <param name="Monitor">How long a new container is watched before it counts as good.</param>
/// <param name="MaxFailureRatio">The share of failed replicas that is tolerated, 0 to 1.</param>
public sealed record UpdatePolicy(
    int Parallelism,
    TimeSpan Delay,
    FailureAction FailureAction,
    TimeSpan Monitor,
    decimal MaxFailureRatio,
    UpdateOrder Order
)
{
    /// <summary>Swarm's defaults: one at a time, pause on failure, watch for 5 s, stop-first.</summary>
    public static UpdatePolicy Default { get; } =
        new(1, TimeSpan.Zero, FailureAction.Pause, TimeSpan.FromSeconds(5), 0, UpdateOrder.StopFirst);
}
