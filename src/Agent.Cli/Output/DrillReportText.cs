using System.Globalization;
using System.Text;
using Appliance.V1;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Cli.Output;

/// <summary>The report of a drill as Markdown, to keep beside the documentation.</summary>
internal static class DrillReportText
{
    public static string Of(DrillReport report)
    {
        var text = new StringBuilder();
        var operation = report.Operation ?? new Operation();
        Line($"# Drill {operation.Id}");
        Line("");
        Line($"{Sentence(operation)}");
        Line("");
        Line("| | |");
        Line("|---|---|");
        Row("application", $"{operation.Product} {operation.ToVersion}");
        Row("begun", $"{Moment(operation.StartedAt)} by {operation.Actor}");
        Row("ended", Moment(operation.EndedAt));
        Row("nothing brought about after", Moment(report.Until));
        Row("form", report.Short ? "short" : "full");
        Row("agent, engine", $"{report.AgentVersion}, {report.EngineVersion}");
        Line("");
        Line("| disaster | hit | result | noticed (at most) | recovered (at most) | requests lost | longest gap |");
        Line("|---|---|---|---|---|---|---|");
        foreach (var d in report.Disasters)
            Row(
                d.Name,
                Or(d.Target),
                OutcomeOf(d.Outcome),
                $"{Span(d.Detected)}{Limit(d.DetectWithin)}",
                $"{Span(d.Recovered)}{Limit(d.RecoverWithin)}{(d.FromUndo && d.Recovered is not null ? " from its undoing" : "")}",
                Lost(d),
                Span(d.LongestGap)
            );
        Line("");
        foreach (var d in report.Disasters.Where(d => Notes(d).Any()))
        {
            Line($"**{Cell(d.Name)}**: {Cell(string.Join(". ", Notes(d)))}.");
            Line("");
        }
        return text.ToString();

        void Line(string line) => text.Append(line).Append('\n');
        void Row(params string[] cells) => Line($"| {string.Join(" | ", cells.Select(Cell))} |");
    }

    /// <summary>"340 ms", "12.5 s"; "-" for what is not set.</summary>
    public static string Span(Duration? span) =>
        span?.ToTimeSpan() switch
        {
            null => "-",
            { TotalSeconds: < 1 } brief => string.Create(
                CultureInfo.InvariantCulture,
                $"{brief.TotalMilliseconds:0} ms"
            ),
            { } longer => string.Create(CultureInfo.InvariantCulture, $"{longer.TotalSeconds:0.0} s"),
        };

    /// <summary>"3 of 1,204"; "-" where nobody asked.</summary>
    public static string Lost(DisasterReport d) =>
        d.Asked.Length == 0 ? "-" : string.Create(CultureInfo.InvariantCulture, $"{d.Lost:#,0} of {d.Requests:#,0}");

    private static IEnumerable<string> Notes(DisasterReport d)
    {
        if (d.Why.Length > 0)
            yield return Text.Capitalized(d.Why.TrimEnd('.'));
        if (d.DetectedBy.Length > 0)
            yield return $"The agent said: {d.DetectedBy.TrimEnd('.')}";
        if (d.Asked.Length > 0)
            yield return $"Asked at {d.Asked}";
    }

    private static string Sentence(Operation operation) =>
        $"{Text.Capitalized(OperationWords.Of(operation.State).Value)}: {Cell(operation.Sentence)}"
        + (operation.Reason.Length > 0 ? $" ({Cell(operation.Reason)})." : ".");

    private static string OutcomeOf(DisasterReport.Types.Outcome outcome) =>
        outcome switch
        {
            DisasterReport.Types.Outcome.Passed => "passed",
            DisasterReport.Types.Outcome.Failed => "**failed**",
            DisasterReport.Types.Outcome.NotRun => "not run",
            _ => "pending",
        };

    private static string Limit(Duration? within) => within is null ? "" : $" ({Span(within)})";

    private static string Or(string text) => text.Length > 0 ? text : "-";

    private static string Moment(Timestamp? moment) =>
        moment is null ? "-" : $"{moment.ToDateTimeOffset().UtcDateTime:yyyy-MM-dd HH:mm:ss'Z'}";

    // What comes from elsewhere stays within its cell.
    private static string Cell(string text) =>
        Text.OneLine(text).Replace("|", "\\|", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
