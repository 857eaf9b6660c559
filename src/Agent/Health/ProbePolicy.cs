using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Health;

/// <summary>
/// How many answers change the verdict: pure, and apart from how the answers are got. Starts unproven; a success
/// streak proves it, a failure streak condemns it, and failures inside the start period count only once it was healthy.
/// </summary>
/// <param name="Timing">As declared.</param>
/// <param name="RunStartedAt">When what is probed was started.</param>
/// <param name="Quickest">The pace of the first checks of a start; each one after them takes twice as long.</param>
internal sealed record ProbePolicy(ProbeTiming Timing, DateTimeOffset RunStartedAt, TimeSpan Quickest)
{
    // While a container starts, its first success is looked for at least as often as this, whatever its interval.
    private static readonly TimeSpan StartingInterval = TimeSpan.FromSeconds(1);

    public HealthState State { get; private init; } = HealthState.Starting;
    public int Successes { get; private init; }
    public int Failures { get; private init; }
    public string Output { get; private init; } = "";
    public DateTimeOffset? CheckedAt { get; private init; }
    private int Checks { get; init; }
    private bool WasHealthy { get; init; }
    private bool OnlyLate { get; init; }
    private DateTimeOffset? FailureCountedAt { get; init; }

    /// <summary>Condemned, but for nothing else than answers that did not come in time, and after it had been healthy.</summary>
    public bool IsOverdue => State is HealthState.Unhealthy && WasHealthy && OnlyLate;

    /// <summary>From the start of one check to the start of the next.</summary>
    public TimeSpan Interval
    {
        get
        {
            if (State is not HealthState.Starting)
                return Timing.Interval;
            var slowest = Timing.Interval < StartingInterval ? Timing.Interval : StartingInterval;
            var pace = Quickest * (1 << Math.Min(Checks, 10));
            return pace < slowest ? pace : slowest;
        }
    }

    public ProbePolicy On(ProbeResult result, DateTimeOffset now)
    {
        if (result.Healthy)
        {
            var successes = Successes + 1;
            return this with
            {
                State = successes >= Timing.HealthyAfter ? HealthState.Healthy : State,
                Successes = successes,
                Failures = 0,
                FailureCountedAt = null,
                WasHealthy = WasHealthy || successes >= Timing.HealthyAfter,
                Output = result.Output,
                CheckedAt = now,
                Checks = Checks + 1,
            };
        }

        var seen = this with { Successes = 0, Output = result.Output, CheckedAt = now, Checks = Checks + 1 };
        var starting = State is HealthState.Starting;
        if (starting && now >= RunStartedAt && now - RunStartedAt < Timing.StartPeriod)
            return seen;

        // The quicker checks of a start must not condemn it sooner than the declared interval would.
        if (starting && FailureCountedAt is { } last && now >= last && now - last < Timing.Interval)
            return seen;
        var failures = Failures + 1;
        return seen with
        {
            State = failures >= Timing.UnhealthyAfter ? HealthState.Unhealthy : State,
            Failures = failures,
            FailureCountedAt = now,
            // Once condemned, what it was condemned for counts until it is healthy again.
            OnlyLate = result.IsLate && (OnlyLate || (Failures == 0 && State is not HealthState.Unhealthy)),
        };
    }
}
