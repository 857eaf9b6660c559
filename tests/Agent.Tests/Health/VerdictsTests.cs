using Appliance.Agent.Health;
using Appliance.Agent.Supervision;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Tests.Health;

/// <summary>What several probes say together, each in its roles.</summary>
public sealed class VerdictsTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

    // A letter for each role of a probe, and what it has said: ok, no, or nothing yet.
    [Theory]
    [InlineData("", "Healthy", "")]
    [InlineData("RL:ok", "Healthy", "")]
    [InlineData("RL:-", "Starting", "")]
    [InlineData("RL:no", "Unhealthy", "RL no")]
    [InlineData("R:no L:ok", "Unready", "R no")]
    [InlineData("R:no L:no", "Unhealthy", "L no")]
    [InlineData("R:ok L:-", "Healthy", "")]
    [InlineData("R:- L:ok", "Starting", "")]
    [InlineData("R:ok R:no L:ok", "Unready", "R no")]
    [InlineData("R:no R:- L:ok", "Starting", "")]
    [InlineData("S:- R:ok L:no", "Starting", "")]
    [InlineData("S:no R:ok L:ok", "Unhealthy", "S no")]
    [InlineData("S:ok S:- R:ok", "Starting", "")]
    [InlineData("S:ok R:ok L:ok", "Healthy", "")]
    [InlineData("S:ok R:no", "Unready", "R no")]
    [InlineData("S:ok L:ok", "Healthy", "")]
    public void The_worst_that_counts_decides(string probes, string state, string output)
    {
        Assert.Equal((Enum.Parse<HealthState>(state), output), Verdicts.Of(Of(probes)));
    }

    [Theory]
    [InlineData("R:no L:no", true)]
    [InlineData("S:-", false)]
    [InlineData("S:no", false)]
    [InlineData("S:ok S:-", false)]
    [InlineData("S:ok R:no", true)]
    [InlineData("SRL:ok", true)]
    public void Others_are_asked_once_all_that_say_when_it_has_started_have(string probes, bool hasStarted)
    {
        Assert.Equal(hasStarted, Verdicts.HasStarted(Of(probes)));
    }

    [Theory]
    [InlineData("R:late L:ok", true)]
    [InlineData("R:late R:ok", true)]
    [InlineData("R:late R:no L:ok", false)]
    [InlineData("R:no L:ok", false)]
    // It is restarted for that.
    [InlineData("R:late L:late", false)]
    [InlineData("R:ok L:ok", false)]
    public void It_is_overdue_if_it_is_unready_for_nothing_else(string probes, bool areOverdue) =>
        Assert.Equal(areOverdue, Verdicts.AreOverdue(Of(probes)));

    private static List<(ProbeRole, ProbePolicy)> Of(string probes) =>
        [.. probes.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(p => Of(p.Split(':')))];

    private static (ProbeRole, ProbePolicy) Of(string[] probe)
    {
        var role = probe[0]
            .Select(c =>
                c switch
                {
                    'S' => ProbeRole.Startup,
                    'R' => ProbeRole.Readiness,
                    _ => ProbeRole.Liveness,
                }
            )
            .Aggregate((a, b) => a | b);
        var policy = new ProbePolicy(ProbeTiming.Default with { UnhealthyAfter = 1 }, Start, TimeSpan.FromSeconds(1));
        return (
            role,
            probe[1] switch
            {
                "ok" => policy.On(ProbeResult.Ok("fine"), Start),
                "late" => policy.On(ProbeResult.Ok("fine"), Start).On(ProbeResult.Late($"{probe[0]} late"), Start),
                "no" => policy.On(ProbeResult.Failed($"{probe[0]} no"), Start),
                _ => policy,
            }
        );
    }
}
