using Appliance.Agent.Alerts;
using Appliance.Agent.Storage;
using Appliance.Testing;

namespace Appliance.Agent.Tests.Alerts;

/// <summary>What an alert leads to, by the rules alone.</summary>
public sealed class AlertDecisionTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly ManualClock clock = new();
    private readonly CoolDowns coolDowns;

    public AlertDecisionTests() => coolDowns = new(clock);

    [Fact]
    public void All_matchers_must_be_equal_to_the_letter()
    {
        var rule = Rule("r", ("alertname", "WebDown"), ("severity", "critical"));
        Assert.Equal(AlertState.Queued, Decide([rule], ("alertname", "WebDown"), ("severity", "critical"), ("x", "y")));
        foreach (
            var labels in ((string, string)[][])
                [
                    [("alertname", "WebDown")],
                    [("alertname", "WebDown"), ("severity", "Critical")],
                    [("alertname", "WebDown"), ("severity", "critical ")],
                    [("alertname", "WebDown"), ("Severity", "critical")],
                    [("alertname", "WebDownX"), ("severity", "critical")],
                    [("alertname", ".*"), ("severity", "critical")],
                ]
        )
            Assert.Equal(AlertState.Unmatched, Decide([rule], labels));
        // A matcher is no pattern either.
        Assert.Equal(AlertState.Unmatched, Decide([Rule("any", ("alertname", ".*"))], ("alertname", "WebDown")));
    }

    [Fact]
    public void No_label_chooses_the_action_or_the_target()
    {
        var verdict = Verdict(
            [Rule("r", ("alertname", "WebDown"))],
            ("alertname", "WebDown"),
            ("service", "db"),
            ("action", "reboot"),
            ("rule", "other"),
            ("target", "db"),
            ("dry_run", "false")
        );
        Assert.Equal(
            ("r", AlertAction.Restart, "web", "r asks to restart web"),
            (verdict.Rule, verdict.Action, verdict.Service, verdict.Why)
        );
    }

    [Fact]
    public void Of_several_rules_that_match_the_first_decides_and_it_is_said()
    {
        var rules = new[]
        {
            Rule("other", ("alertname", "Other")),
            Rule("known", ("alertname", "WebDown")) with
            {
                Action = AlertAction.Nothing,
                Service = null,
            },
            Rule("b", ("alertname", "WebDown")),
            Rule("c", ("alertname", "WebDown")),
        };
        var verdict = Verdict(rules, ("alertname", "WebDown"));
        Assert.Equal((AlertState.Nothing, "known"), (verdict.State, verdict.Rule));
        Assert.Equal(
            "known asks to do nothing; of the rules that match, b, c come after known, and do not count",
            verdict.Why
        );
        Assert.Null(verdict.RestsSince);
    }

    [Fact]
    public void What_is_over_does_nothing_even_if_a_rule_matches()
    {
        var alert = Alert(("alertname", "WebDown")) with { IsResolved = true };
        var verdict = AlertDecision.Of(alert, [Rule("r", ("alertname", "WebDown"))], coolDowns);
        Assert.Equal((AlertState.Resolved, null, AlertAction.Nothing), (verdict.State, verdict.Rule, verdict.Action));
    }

    [Fact]
    public void A_rule_that_acted_rests()
    {
        var rule = Rule("r", ("alertname", "WebDown")) with { LastAt = clock.GetUtcNow() };
        clock.Advance(Minute * 3);
        var verdict = Verdict([rule], ("alertname", "WebDown"));
        Assert.Equal(AlertState.CoolingDown, verdict.State);
        Assert.Equal("r has acted not long ago, and rests for another 7 min", verdict.Why);
        clock.Advance(Minute * 7);
        Assert.Equal(AlertState.Queued, Decide([rule], ("alertname", "WebDown")));
    }

    [Fact]
    public void A_rule_on_trial_says_what_it_would_do_and_rests_as_if_it_had()
    {
        var rule = Rule("r", ("alertname", "WebDown")) with { IsDryRun = true };
        var verdict = Verdict([rule], ("alertname", "WebDown"));
        Assert.Equal((AlertState.DryRun, "r would restart web, and is on trial"), (verdict.State, verdict.Why));
        Assert.Equal(
            AlertState.CoolingDown,
            Decide([rule with { LastAt = verdict.RestsSince }], ("alertname", "WebDown"))
        );
    }

    [Fact]
    public void A_clock_that_was_set_back_blocks_no_rule_for_ever()
    {
        // It acted, and then the clock was set back by a year, over a restart of the agent.
        var rule = Rule("r", ("alertname", "WebDown")) with
        {
            LastAt = clock.GetUtcNow() + TimeSpan.FromDays(365),
        };
        var verdict = Verdict([rule], ("alertname", "WebDown"));
        Assert.Equal((AlertState.CoolingDown, clock.GetUtcNow()), (verdict.State, verdict.RestsSince));

        rule = rule with { LastAt = verdict.RestsSince };
        coolDowns.Begin("r", verdict.RestsSince!.Value);
        clock.Advance(Minute * 9);
        Assert.Equal(AlertState.CoolingDown, Decide([rule], ("alertname", "WebDown")));
        clock.Advance(Minute);
        Assert.Equal(AlertState.Queued, Decide([rule], ("alertname", "WebDown")));
    }

    [Fact]
    public void A_clock_that_is_set_while_the_agent_runs_makes_no_rule_rest_longer_or_shorter()
    {
        var jumping = new JumpingClock();
        var mine = new CoolDowns(jumping);
        var rule = Rule("r", ("alertname", "WebDown")) with { LastAt = mine.Now };
        mine.Begin("r", mine.Now);
        jumping.Ahead = TimeSpan.FromDays(30);
        Assert.Equal(Minute * 10, mine.Left(rule));
        jumping.Ahead = TimeSpan.FromDays(-30);
        jumping.Elapsed = Minute * 10;
        Assert.Equal(TimeSpan.Zero, mine.Left(rule));
        Assert.False(mine.IsAhead(rule));
    }

    private AlertState Decide(AlertRule[] rules, params (string, string)[] labels) => Verdict(rules, labels).State;

    private AlertVerdict Verdict(AlertRule[] rules, params (string, string)[] labels) =>
        AlertDecision.Of(Alert(labels), rules, coolDowns);

    private static NewAlert Alert(params (string Name, string Value)[] labels) =>
        new("webhook:am", "alertmanager", "1", DateTimeOffset.UnixEpoch, false, Labels(labels));

    private static AlertRule Rule(string name, params (string, string)[] matchers) =>
        new(name, Labels(matchers), AlertAction.Restart, "web", Minute * 10, IsDryRun: false, LastAt: null);

    private static Dictionary<string, string> Labels((string Name, string Value)[] labels) =>
        labels.ToDictionary(l => l.Name, l => l.Value);

    private sealed class JumpingClock : TimeProvider
    {
        private static readonly DateTimeOffset Start = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);

        public TimeSpan Ahead { get; set; }
        public TimeSpan Elapsed { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Start + Elapsed + Ahead;

        public override long GetTimestamp() => Elapsed.Ticks;
    }
}
