using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>Rules for alerts, and the alerts that were received.</summary>
internal static class AlertsView
{
    public static AlertAction? ActionOf(string word) =>
        word switch
        {
            "restart" => AlertAction.Restart,
            "recreate" => AlertAction.Recreate,
            "run" => AlertAction.Run,
            "reboot" => AlertAction.Reboot,
            "nothing" => AlertAction.Nothing,
            _ => null,
        };

    public static void WriteList(Screen screen, ListAlertsResponse answer, DateTimeOffset now)
    {
        if (answer.Rules.Count == 0)
            screen.WriteLine("There are no rules: alerts do nothing.");
        else
            WriteRules(screen, answer.Rules, now);
        screen.WriteLine();
        if (answer.Alerts.Count == 0)
            screen.WriteLine("No alert was received.");
        else
            WriteAlerts(screen, answer.Alerts, now);
    }

    public static void WriteMapped(Screen screen, MapAlertResponse answer)
    {
        var rule = answer.Rule;
        var (does, rest) = (rule.DryRun ? "would" : "is to", Ages.Length(rule.CoolDown.ToTimeSpan()));
        var what = answer.Replaced ? "replaced" : "made";
        screen.WriteLine(
            Text.OneLine(
                $"{rule.Name} is {what}: an alert with {Matchers(rule)} {does} {Words(rule)}, once within {rest}"
            )
        );
    }

    public static void WriteTest(Screen screen, TestAlertResponse answer)
    {
        var (state, style) = StateOf(answer.State);
        screen.WriteLine($"{screen.Paint(state, style)}: {Text.OneLine(answer.Why)}");
    }

    private static void WriteRules(Screen screen, IEnumerable<AlertRule> rules, DateTimeOffset now)
    {
        var table = new Table("RULE", "ACTION", "SERVICE", "COOL-DOWN", "LAST", "MATCHES");
        foreach (var r in rules)
            table.Add(
                r.Name,
                r.DryRun ? new Cell($"{WordOf(r.Action)} (dry run)", Style.Yellow) : WordOf(r.Action),
                r.Service.Length > 0 ? r.Service : "-",
                Ages.Length(r.CoolDown.ToTimeSpan()),
                r.LastAt is null ? "never" : Ages.Ago(r.LastAt, now),
                Matchers(r)
            );
        table.WriteTo(screen);
    }

    private static void WriteAlerts(Screen screen, IEnumerable<ReceivedAlert> alerts, DateTimeOffset now)
    {
        var table = new Table("ID", "RECEIVED", "TIMES", "ALERT", "NOW", "DECISION", "BY", "WHY");
        foreach (var a in alerts)
            table.Add(
                $"{a.Id}",
                Ages.Local(a.ReceivedAt),
                a.Times,
                a.Labels.TryGetValue("alertname", out var name) ? name : "-",
                a.ResolvedAt is null ? "firing" : $"resolved {Ages.Ago(a.ResolvedAt, now)}",
                StateOf(a.State),
                a.Sender,
                a.Why
            );
        table.WriteTo(screen);
    }

    private static string Matchers(AlertRule rule) =>
        string.Join(", ", rule.Matchers.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => $"{m.Key}={m.Value}"));

    // After "is to" or "would".
    private static string Words(AlertRule rule) =>
        rule.Action switch
        {
            AlertAction.Reboot => "reboot the machine",
            AlertAction.Nothing => "do nothing",
            var other => $"{WordOf(other)} {rule.Service}",
        };

    private static string WordOf(AlertAction action) =>
        action switch
        {
            AlertAction.Restart => "restart",
            AlertAction.Recreate => "recreate",
            AlertAction.Run => "run",
            AlertAction.Reboot => "reboot",
            AlertAction.Nothing => "nothing",
            _ => "unknown",
        };

    private static Cell StateOf(AlertState state) =>
        state switch
        {
            AlertState.Unmatched => new("unmatched", Style.Dim),
            AlertState.Resolved => new("resolved", Style.Dim),
            AlertState.Nothing => new("nothing", Style.Dim),
            AlertState.DryRun => new("dry run", Style.Yellow),
            AlertState.CoolingDown => new("cooling down", Style.Yellow),
            AlertState.Queued => new("to be done", Style.Yellow),
            AlertState.Acting => new("under way", Style.Yellow),
            AlertState.Done => new("done", Style.Green),
            AlertState.Refused => new("refused", Style.Red),
            AlertState.Interrupted => new("interrupted", Style.Red),
            _ => new("unknown", Style.Yellow),
        };
}
