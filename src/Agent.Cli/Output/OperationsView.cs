using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>Operations, a line each.</summary>
internal static class OperationsView
{
    // What a probe said, and the log's first words; `operations watch` has more.
    private const int MostEvidence = 5;

    /// <summary>What was done, and below each that did not end as it should why.</summary>
    public static void WriteHistory(Screen screen, IEnumerable<Operation> operations, DateTimeOffset now)
    {
        var table = new Table("ID", "STARTED", "TOOK", "KIND", "FROM", "TO", "RESULT", "BY");
        foreach (var o in operations)
        {
            table.Add(
                o.Id,
                Ages.Local(o.StartedAt),
                Ages.Took(o.StartedAt, o.EndedAt, now),
                OperationWords.Of(o.Kind),
                o.FromVersion.Length > 0 ? o.FromVersion : "-",
                o.ToVersion,
                OperationWords.Of(o.State),
                o.Actor
            );
            if (o.State == OperationState.Done)
                continue;
            if (o.Reason.Length > 0)
                table.AddBelow([o.Reason]);
            table.AddBelow(OperationView.Evidence(o, MostEvidence).Select(line => $"  {line}"));
        }
        table.WriteTo(screen);
    }

    public static void WriteList(Screen screen, IEnumerable<Operation> operations, DateTimeOffset now)
    {
        var table = new Table("ID", "STARTED", "TOOK", "KIND", "FROM", "TO", "STATE", "PHASE", "WHAT");
        foreach (var o in operations)
        {
            table.Add(
                o.Id,
                Ages.Local(o.StartedAt),
                Ages.Took(o.StartedAt, o.EndedAt, now),
                OperationWords.Of(o.Kind),
                o.FromVersion.Length > 0 ? o.FromVersion : "-",
                o.ToVersion,
                OperationWords.Of(o.State),
                o.Phase,
                o.Waiting.Length > 0 ? $"waiting: {o.Waiting}" : o.Sentence
            );
        }
        table.WriteTo(screen);
    }
}
