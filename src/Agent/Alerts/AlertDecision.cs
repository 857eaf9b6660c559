using System.Globalization;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Alerts;

/// <summary>
/// What an alert leads to. Its labels are compared, and nothing else: action and target are the rule's, whatever the
/// labels say.
/// </summary>
internal static class AlertDecision
{
    public static AlertVerdict Of(NewAlert alert, IReadOnlyList<AlertRule> rules, CoolDowns coolDowns)
    {
        var matching = rules.Where(r => Matches(r, alert.Labels)).ToList();
        if (alert.IsResolved)
            return new(AlertState.Resolved, "it was over before it was seen firing");
        if (matching is not [var rule, .. var others])
            return new(AlertState.Unmatched, "no rule matches it");

        var also =
            others.Count == 0
                ? ""
                : $"; of the rules that match, {Names(others)} come after {rule.Name}, and do not count";
        var verdict = new AlertVerdict(AlertState.Queued, $"{rule.Name} asks to {InWords(rule)}{also}")
        {
            Rule = rule.Name,
            Action = rule.Action,
            Service = rule.Service,
        };
        if (rule.Action is AlertAction.Nothing)
            return verdict with { State = AlertState.Nothing, Why = $"{rule.Name} asks to do nothing{also}" };
        if (coolDowns.Left(rule) is { Ticks: > 0 } left)
            return verdict with
            {
                State = AlertState.CoolingDown,
                Why = $"{rule.Name} has acted not long ago, and rests for another {InWords(left)}{also}",
                RestsSince = coolDowns.IsAhead(rule) ? coolDowns.Now : null,
            };
        return rule.IsDryRun
            ? verdict with
            {
                State = AlertState.DryRun,
                Why = $"{rule.Name} would {InWords(rule)}, and is on trial{also}",
                RestsSince = coolDowns.Now,
            }
            : verdict with
            {
                RestsSince = coolDowns.Now,
            };
    }

    public static bool Matches(AlertRule rule, IReadOnlyDictionary<string, string> labels) =>
        rule.Matchers.All(m => labels.TryGetValue(m.Key, out var value) && value == m.Value);

    /// <summary>"restart web": after "would" or "asks to".</summary>
    public static string InWords(AlertRule rule) => InWords(rule.Action, rule.Service);

    public static string InWords(AlertAction action, string? service) =>
        action switch
        {
            AlertAction.Restart => $"restart {service}",
            AlertAction.Recreate => $"recreate {service}",
            AlertAction.Run => $"run {service}",
            AlertAction.Reboot => "reboot the machine",
            _ => "do nothing",
        };

    /// <summary>"done", "cooling-down": for programs.</summary>
    public static string InWords(AlertState state) =>
        state switch
        {
            AlertState.DryRun => "dry-run",
            AlertState.CoolingDown => "cooling-down",
            _ => state.ToString().ToLowerInvariant(),
        };

    // Rounded up: after so long it acts.
    private static string InWords(TimeSpan span) =>
        span < TimeSpan.FromMinutes(2)
            ? string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(span.TotalSeconds)} s")
            : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(span.TotalMinutes)} min");

    private static string Names(IEnumerable<AlertRule> rules) => string.Join(", ", rules.Select(r => r.Name));
}
