using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Alerts;

/// <summary>What came of a rule that somebody wants.</summary>
internal abstract record MapOutcome
{
    internal sealed record Mapped(AlertRule Rule, bool Replaced) : MapOutcome;

    /// <param name="Why">It makes no sense, whatever runs.</param>
    internal sealed record Wrong(string Why) : MapOutcome;

    /// <param name="Why">It cannot be had here and now.</param>
    internal sealed record Refused(string Why) : MapOutcome;
}

/// <summary>The administrator's rules: makes them, takes them away, and tells what they would do.</summary>
internal sealed class AlertMap(AlertRules rules, CoolDowns coolDowns, ISupervisor supervisor)
{
    public const int MostRules = 100;
    public const int MostMatchers = 16;

    public static readonly TimeSpan UsualCoolDown = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestCoolDown = TimeSpan.FromDays(30);

    public IReadOnlyList<AlertRule> InOrder() => rules.InOrder();

    /// <param name="before">Empty: it stays where it is, or comes last.</param>
    /// <exception cref="StorageException">It could not be made durable, and does not count.</exception>
    public MapOutcome Put(AlertRule rule, string before)
    {
        if (WhyWrong(rule) is { } wrong)
            return new MapOutcome.Wrong(wrong);
        var others = rules.InOrder().Where(r => r.Name != rule.Name).ToList();
        if (before.Length > 0 && !others.Exists(r => r.Name == before))
            return new MapOutcome.Refused($"there is no rule \"{before}\" to come before");
        if (others.Count >= MostRules)
            return new MapOutcome.Refused($"there are {MostRules} rules already, and may not be more");
        if (WhyNoTarget(rule) is { } why)
            return new MapOutcome.Refused(why);
        var replaced = rules.Put(rule, before.Length > 0 ? before : null);
        return new MapOutcome.Mapped(rules.InOrder().Single(r => r.Name == rule.Name), replaced);
    }

    /// <returns>False: there is none of that name.</returns>
    /// <exception cref="StorageException">It could not be made durable, and the rule still counts.</exception>
    public bool Remove(string name) => rules.Remove(name);

    /// <summary>What an alert with these labels would lead to now.</summary>
    public (AlertVerdict Verdict, IReadOnlyList<AlertRule> Matching) Test(IReadOnlyDictionary<string, string> labels)
    {
        var all = rules.InOrder();
        var alert = new NewAlert("", "", "", DateTimeOffset.UnixEpoch, IsResolved: false, labels);
        return (AlertDecision.Of(alert, all, coolDowns), [.. all.Where(r => AlertDecision.Matches(r, labels))]);
    }

    private static string? WhyWrong(AlertRule rule)
    {
        if (!RuleNames.IsOne(rule.Name))
            return RuleNames.WhyNot("name");
        if (rule.Matchers.Count == 0)
            return "matchers: a rule without one would match every alert";
        if (rule.Matchers.Count > MostMatchers)
            return $"matchers: more than {MostMatchers}";
        // A label that is absent counts as one that is empty in some systems and not in others.
        if (rule.Matchers.FirstOrDefault(m => m.Value.Length == 0) is { Key: not null } empty)
            return $"matchers.{empty.Key}: the value is empty";
        if (AlertLabels.WhyNot("matchers", rule.Matchers) is { } wrong)
            return wrong;
        if (rule.CoolDown < TimeSpan.FromSeconds(1) || rule.CoolDown > LongestCoolDown)
            return $"cool_down must be between 1s and {LongestCoolDown.TotalDays}d";
        var takesService = rule.Action is AlertAction.Restart or AlertAction.Recreate or AlertAction.Run;
        return (takesService, rule.Service) switch
        {
            (true, null) => $"service: {AlertDecision.InWords(rule.Action, "what?")}",
            (false, not null) => $"service: to {AlertDecision.InWords(rule.Action, null)} takes none",
            _ => null,
        };
    }

    // A slip of the hand is better found now than in the night when it would have helped.
    private string? WhyNoTarget(AlertRule rule)
    {
        if (rule.Service is not { } name)
            return null;
        var view = supervisor.View;
        if (view.Service(name) is not { } service)
            return view.Services.Count == 0
                ? $"there is no service \"{name}\": there are none"
                : $"there is no service \"{name}\"; there are: {string.Join(", ", view.Services.Select(s => s.Name))}";
        return rule.Action is AlertAction.Run && !service.IsOneShot
            ? $"{name} is no service that runs once and ends; restart it instead"
            : null;
    }
}
