using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Health;

/// <summary>
/// How many answers change the verdict: pure, and apart from how the answers are got. Starts unproven; a success
/// streak proves it, a failure streak condemns it, and failures inside the start period count only once it was healthy.
/// </summary>
internal sealed record ProbePolicy(ProbeTiming Timing, DateTimeOffset RunStartedAt)
{
    // While a container starts, its first success is looked for more often than its interval says.
    private static readonly TimeSpan StartingInterval = TimeSpan.FromSeconds(1);

    public HealthState State { get; private init; } = HealthState.Starting;
    public int Successes { get; private init; }
    public int Failures { get; private init; }
    public string Output { get; private init; } = "";
    public DateTimeOffset? CheckedAt { get; private init; }
    private DateTimeOffset? FailureCountedAt { get; init; }

    /// <summary>From the start of one check to the start of the next.</summary>
    public TimeSpan Interval =>
        State is HealthState.Starting && Timing.Interval > StartingInterval ? StartingInterval : Timing.Interval;

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
                Output = result.Output,
                CheckedAt = now,
            };
        }

        var seen = this with { Successes = 0, Output = result.Output, CheckedAt = now };
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
        };
    }
}
