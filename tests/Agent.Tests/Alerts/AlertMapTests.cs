using Appliance.Agent.Alerts;
using Appliance.Agent.Storage;
using Appliance.Agent.Tests.Control;
using Appliance.Agent.Tests.Storage;

namespace Appliance.Agent.Tests.Alerts;

public sealed class AlertMapTests : IDisposable
{
    private static readonly AlertRule Sample = new(
        "r",
        new Dictionary<string, string> { ["alertname"] = "WebDown" },
        AlertAction.Restart,
        "web",
        TimeSpan.FromMinutes(10),
        IsDryRun: false,
        LastAt: null
    );

    private readonly ScratchState state = new();
    private readonly OpenState open;
    private readonly AlertMap map;

    public AlertMapTests()
    {
        open = state.Open();
        var supervisor = new FixedSupervisor
        {
            View = Views.Of(Views.Service("web"), Views.Service("clean") with { IsOneShot = true }),
        };
        map = new AlertMap(new AlertRules(open.Database), new CoolDowns(state.Clock), supervisor);
    }

    public void Dispose()
    {
        open.Dispose();
        state.Dispose();
    }

    [Fact]
    public void Rules_keep_their_order_and_outlive_the_agent()
    {
        Put("a");
        Put("b");
        Put("c", before: "b");
        Assert.Equal(["a", "c", "b"], Names());
        // One that is replaced stays where it is.
        Assert.True(Put("a").Replaced);
        Assert.Equal(["a", "c", "b"], Names());
        Put("b", before: "a");
        Assert.Equal(["b", "a", "c"], Names());
        Assert.True(map.Remove("a"));
        Assert.False(map.Remove("a"));
        var stored = new AlertRules(open.Database).InOrder();
        Assert.Equal(["b", "c"], stored.Select(r => r.Name));
        Assert.Equal("WebDown", stored[0].Matchers["alertname"]);
    }

    [Fact]
    public void A_rule_that_makes_no_sense_is_refused_with_its_field()
    {
        Assert.StartsWith("name must be", Wrong(Sample with { Name = "Web Down" }));
        Assert.StartsWith("name must be", Wrong(Sample with { Name = "" }));
        Assert.StartsWith("matchers: a rule without one", Wrong(Sample with { Matchers = Labels() }));
        Assert.StartsWith("matchers.a: the value is empty", Wrong(Sample with { Matchers = Labels(("a", "")) }));
        Assert.StartsWith(
            "matchers: more than 16",
            Wrong(Sample with { Matchers = Labels([.. Enumerable.Range(0, 17).Select(i => ($"l{i}", "x"))]) })
        );
        Assert.StartsWith("cool_down must be", Wrong(Sample with { CoolDown = TimeSpan.Zero }));
        Assert.StartsWith("cool_down must be", Wrong(Sample with { CoolDown = TimeSpan.FromDays(31) }));
        Assert.StartsWith("service: ", Wrong(Sample with { Service = null }));
        Assert.StartsWith("service: ", Wrong(Sample with { Action = AlertAction.Reboot }));
    }

    [Fact]
    public void A_rule_for_what_is_not_there_is_refused_and_what_is_there_is_named()
    {
        Assert.Equal("there is no service \"wbe\"; there are: web, clean", Refused(Sample with { Service = "wbe" }));
        Assert.StartsWith("web is no service that runs once", Refused(Sample with { Action = AlertAction.Run }));
        Assert.IsType<MapOutcome.Mapped>(map.Put(Sample with { Action = AlertAction.Run, Service = "clean" }, ""));
        Assert.Equal(
            "there is no rule \"x\" to come before",
            Assert.IsType<MapOutcome.Refused>(map.Put(Sample, "x")).Why
        );
    }

    [Fact]
    public void There_are_not_too_many_rules()
    {
        for (var i = 0; i < AlertMap.MostRules; i++)
            Put($"r{i}");
        Assert.StartsWith("there are 100 rules already", Refused(Sample with { Name = "one-more" }));
        Assert.True(Put("r7").Replaced);
    }

    [Fact]
    public void A_test_tells_what_would_be_done_and_does_nothing()
    {
        Put("a");
        Put("b");
        var (verdict, matching) = map.Test(Labels(("alertname", "WebDown")));
        Assert.Equal((AlertState.Queued, "a"), (verdict.State, verdict.Rule));
        Assert.Equal(["a", "b"], matching.Select(r => r.Name));
        Assert.Null(map.InOrder()[0].LastAt);
        Assert.Equal(AlertState.Unmatched, map.Test(Labels(("alertname", "Other"))).Verdict.State);
    }

    private MapOutcome.Mapped Put(string name, string before = "") =>
        Assert.IsType<MapOutcome.Mapped>(map.Put(Sample with { Name = name }, before));

    private string Wrong(AlertRule rule) => Assert.IsType<MapOutcome.Wrong>(map.Put(rule, "")).Why;

    private string Refused(AlertRule rule) => Assert.IsType<MapOutcome.Refused>(map.Put(rule, "")).Why;

    private IEnumerable<string> Names() => map.InOrder().Select(r => r.Name);

    private static Dictionary<string, string> Labels(params (string Name, string Value)[] labels) =>
        labels.ToDictionary(l => l.Name, l => l.Value);
}
