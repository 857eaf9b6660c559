using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>Audit records, a line each.</summary>
internal static class AuditView
{
    public static void Write(Screen screen, AuditRecord record)
    {
        var style = record.Outcome switch
        {
            "done" => Style.Green,
            "failed" or "denied" => Style.Red,
            _ => Style.Plain,
        };
        // The package is the same for all: "/appliance.v1.ServicesService/StopService" reads as StopService.
        var method = record.Method[(record.Method.LastIndexOf('/') + 1)..];
        var detail = record.Detail.Length > 0 ? $"  {record.Detail}" : "";
        screen.WriteLine(
            $"{record.Id, 6}  {Ages.Local(record.Time)}  "
                + $"{screen.Paint($"{Text.OneLine(record.Outcome), -9}", style)}  "
                + Text.OneLine($"{record.Actor} as {record.Role}  {method} {record.Request}{detail}")
        );
    }

    public static void WriteVerdict(Screen screen, VerifyAuditResponse answer) =>
        screen.WriteLine(
            answer.Intact
                ? $"{screen.Paint("intact", Style.Green)}: {answer.Records} records, each with the hash of the one before"
                : $"{screen.Paint("broken", Style.Red)}: record {answer.FirstBrokenId} of {answer.Records} does not match"
                    + " its hash; it, or one before it, was changed or taken out"
        );
}
