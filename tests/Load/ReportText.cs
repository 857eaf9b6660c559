using System.Text;

namespace Appliance.Load;

/// <summary>A report as people read it.</summary>
internal static class ReportText
{
    private const int MostFailures = 20;
    private static readonly TimeSpan SlowClient = TimeSpan.FromMilliseconds(20);

    public static string Of(LoadReport report)
    {
        var text = new StringBuilder();
        Row(
            text,
            "phase",
            "seconds",
            "requests",
            "failed",
            "drained",
            "p50 ms",
            "p99 ms",
            "max ms",
            "late p99",
            "answered by"
        );
        foreach (var phase in report.Phases)
        {
            Row(
                text,
                phase.Name,
                $"{phase.Took.TotalSeconds:0.0}",
                $"{phase.Requests}",
                $"{phase.Failed}",
                $"{phase.Drained}",
                Milliseconds(phase.Latency.P50),
                Milliseconds(phase.Latency.P99),
                Milliseconds(phase.Latency.Max),
                Milliseconds(phase.Lateness.P99),
                string.Join(", ", phase.Versions.Select(v => $"{v.Key} {v.Value}"))
            );
        }
        foreach (var phase in report.Phases)
        {
            foreach (var (kind, count) in phase.FailuresByKind)
                text.AppendLine($"{phase.Name}: {count} x {kind}");
        }
        foreach (var failure in report.Failures.Take(MostFailures))
            text.AppendLine(
                $"  {failure.At.TotalSeconds, 8:0.000} s  {failure.Request} {failure.Kind}: {failure.Detail}"
            );
        if (report.Failed > MostFailures)
            text.AppendLine($"  and {report.Failed - MostFailures} more");

        var client = report.Client;
        text.AppendLine(
            $"client: {client.Cores:0.00} cores, at most {client.MostUnderWay} requests under way, late by "
                + $"{Milliseconds(client.Lateness.P99)} ms (p99), {Milliseconds(client.Lateness.Max)} ms (max)"
        );
        if (client.Lateness.P99 > SlowClient)
            text.AppendLine("the client was late itself: a part of the latencies is its own, not the server's");
        return text.ToString();
    }

    private static string Milliseconds(TimeSpan time) => $"{time.TotalMilliseconds:0.0}";

    private static void Row(StringBuilder text, params ReadOnlySpan<string> cells) =>
        text.AppendLine(
            $"{cells[0], -24} {cells[1], 8} {cells[2], 9} {cells[3], 7} {cells[4], 8} {cells[5], 8} {cells[6], 8} {cells[7], 9} {cells[8], 9}  {cells[9]}".TrimEnd()
        );
}
