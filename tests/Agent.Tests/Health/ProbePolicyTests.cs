using Appliance.Agent.Health;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Tests.Health;

public sealed class ProbePolicyTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Quick = TimeSpan.FromMilliseconds(50);
    private static readonly ProbeTiming Timing = ProbeTiming.Default with
    {
        Interval = TimeSpan.FromSeconds(10),
        StartPeriod = TimeSpan.FromSeconds(30),
        HealthyAfter = 2,
        UnhealthyAfter = 3,
    };

    [Fact]
    public void It_is_healthy_after_so_many_successes_in_a_row()
    {
        var once = After("ok");
        Assert.Equal(HealthState.Starting, once.State);
        Assert.Equal(HealthState.Healthy, After("ok ok").State);
        Assert.Equal(HealthState.Starting, After("ok no ok").State);
    }

    [Fact]
    public void Failures_in_the_start_period_do_not_count()
    {
        Assert.Equal(HealthState.Starting, After(string.Join(' ', Enumerable.Repeat("no", 29))).State);
    }

    [Fact]
    public void The_quick_checks_of_a_start_condemn_no_sooner_than_the_interval_would()
    {
        var policy = new ProbePolicy(Timing with { StartPeriod = TimeSpan.Zero }, Start, Quick);
        for (var second = 0; second < 20; second++)
            policy = policy.On(ProbeResult.Failed("no"), Start.AddSeconds(second));
        Assert.Equal(HealthState.Starting, policy.State);
        Assert.Equal(HealthState.Unhealthy, policy.On(ProbeResult.Failed("no"), Start.AddSeconds(20)).State);
    }

    [Fact]
    public void A_healthy_one_needs_so_many_failures_in_a_row_and_asks_at_the_declared_interval()
    {
        var healthy = After("ok ok");
        Assert.Equal(TimeSpan.FromSeconds(10), healthy.Interval);
        Assert.Equal(Quick, new ProbePolicy(Timing, Start, Quick).Interval);

        var shaken = healthy.On(ProbeResult.Failed("a"), Start).On(ProbeResult.Failed("b"), Start);
        Assert.Equal(HealthState.Healthy, shaken.State);
        Assert.Equal(
            HealthState.Healthy,
            shaken.On(ProbeResult.Ok(""), Start).On(ProbeResult.Failed("c"), Start).State
        );
        var condemned = shaken.On(ProbeResult.Failed("c"), Start);
        Assert.Equal((HealthState.Unhealthy, "c", 3), (condemned.State, condemned.Output, condemned.Failures));
    }

    [Theory]
    [InlineData("ok ok late late late", true)]
    [InlineData("ok ok late late late late", true)]
    [InlineData("ok ok no late late", false)]
    [InlineData("ok ok late late no", false)]
    [InlineData("ok ok no ok late late late", true)]
    [InlineData("ok ok late late", false)]
    [InlineData("ok ok no no no ok late", false)]
    [InlineData("ok ok late late late ok late", true)]
    [InlineData("ok ok no no no ok ok late late late", true)]
    public void What_only_came_too_late_since_it_was_healthy_is_overdue(string answers, bool isOverdue) =>
        Assert.Equal(isOverdue, After(answers).IsOverdue);

    [Fact]
    public void One_that_was_never_healthy_is_not_overdue()
    {
        var policy = new ProbePolicy(Timing with { StartPeriod = TimeSpan.Zero }, Start, Quick);
        for (var check = 0; check < 3; check++)
            policy = policy.On(ProbeResult.Late("no answer"), Start.AddMinutes(check));
        Assert.Equal((HealthState.Unhealthy, false), (policy.State, policy.IsOverdue));
    }

    private static ProbePolicy After(string answers)
    {
        var policy = new ProbePolicy(Timing, Start, Quick);
        var second = 0;
        foreach (var answer in answers.Split(' '))
            policy = policy.On(
                answer switch
                {
                    "ok" => ProbeResult.Ok(""),
                    "late" => ProbeResult.Late("no answer"),
                    _ => ProbeResult.Failed("no"),
                },
                Start.AddSeconds(second++)
            );
        return policy;
    }
}
