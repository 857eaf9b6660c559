using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>Disasters and what came of them, for a terminal.</summary>
internal static class DrillView
{
    public static void WriteList(Screen screen, ListDisastersResponse answer)
    {
        var table = new Table("DISASTER", "HERE", "WHAT");
        foreach (var disaster in answer.Disasters)
        {
            var isPossible = disaster.WhyNot.Length == 0;
            table.Add(
                disaster.Name,
                isPossible ? new Cell("yes", Style.Green) : new Cell("no", Style.Yellow),
                disaster.What
            );
            if (!isPossible)
                table.AddBelow([disaster.WhyNot]);
        }
        table.WriteTo(screen);
        if (answer.Service.Length > 0)
            screen.WriteLine(Text.OneLine($"Aimed at {answer.Service}."));
    }

    public static void WriteReport(Screen screen, DrillReport report, DateTimeOffset now)
    {
        var table = new Table("DISASTER", "TARGET", "RESULT", "NOTICED", "RECOVERED", "LOST", "GAP");
        foreach (var d in report.Disasters)
        {
            table.Add(
                d.Name,
                d.Target.Length > 0 ? d.Target : "-",
                ResultOf(d.Outcome),
                DrillReportText.Span(d.Detected),
                DrillReportText.Span(d.Recovered),
                DrillReportText.Lost(d),
                DrillReportText.Span(d.LongestGap)
            );
            if (d.Why.Length > 0)
                table.AddBelow([d.Why]);
        }
        table.WriteTo(screen);
        if (report.Operation is not { } operation)
            return;
        screen.WriteLine();
        OperationView.WriteResult(screen, operation, now);
    }

    private static Cell ResultOf(DisasterReport.Types.Outcome outcome) =>
        outcome switch
        {
            DisasterReport.Types.Outcome.Passed => new("passed", Style.Green),
            DisasterReport.Types.Outcome.Failed => new("failed", Style.Red),
            DisasterReport.Types.Outcome.NotRun => new("not run", Style.Yellow),
            _ => new("pending", Style.Dim),
        };
}
