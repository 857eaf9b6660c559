using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>One operation: its steps as they happen, and what came of it.</summary>
internal static class OperationView
{
    // About a screen; all of it is in the JSON.
    private const int MostEvidence = 40;

    /// <summary>"12:00:03  ok      switching     counter is healthy".</summary>
    public static void WriteStep(Screen screen, OperationStep step)
    {
        var (mark, style) = step.Outcome switch
        {
            OperationStep.Types.Outcome.Done => ("ok", Style.Green),
            OperationStep.Types.Outcome.Failed => ("failed", Style.Red),
            _ => ("...", Style.Dim),
        };
        screen.WriteLine(
            $"{Ages.LocalTime(step.Time)}  {screen.Paint($"{mark, -6}", style)}  "
                + $"{Text.OneLine(step.Phase), -12}  {Text.OneLine(step.Text)}".TrimEnd()
        );
    }

    /// <summary>
    /// "loading: 1.2 GB of 3.4 GB, 35 %"; "switching: 1 of 3 services, starting web"; "waiting: no space left".
    /// </summary>
    public static string Progress(Operation operation) =>
        operation switch
        {
            { Waiting.Length: > 0 } => $"waiting: {operation.Waiting}",
            { BytesTotal: > 0 } => Doing(
                operation,
                $"{operation.Phase}: {Sizes.Part(operation.BytesDone, operation.BytesTotal)}"
            ),
            { ServicesTotal: > 0 } => Doing(
                operation,
                $"{operation.Phase}: {operation.ServicesDone} of {operation.ServicesTotal} services"
            ),
            _ => Doing(operation, operation.Phase),
        };

    private static string Doing(Operation operation, string progress) =>
        operation.Sentence.Length > 0 ? $"{progress}, {operation.Sentence}" : progress;

    /// <summary>"Done: demo was upgraded from 1.0.0 to 2.0.0 (op-12, 42 s)".</summary>
    public static void WriteResult(Screen screen, Operation operation, DateTimeOffset now)
    {
        var (word, style) = OperationWords.Of(operation.State);
        var sentence = operation.Sentence.Length > 0 ? operation.Sentence.TrimEnd('.') : Describe(operation);
        screen.WriteLine(
            $"{screen.Paint(Text.Capitalized(word), style)}: {Text.OneLine(sentence)} "
                + $"({Text.OneLine(operation.Id)}, {Ages.Took(operation.StartedAt, operation.EndedAt, now)})"
        );
    }

    /// <summary>Why it did not end as it should, and what the failing service said; nothing for one that did.</summary>
    public static void WriteWhy(Screen screen, Operation operation)
    {
        if (operation.Reason.Length > 0)
            screen.WriteLine($"{screen.Paint("Reason:", Style.Red)} {Text.OneLine(operation.Reason)}");
        foreach (var line in Evidence(operation, MostEvidence))
            screen.WriteLine($"  {Text.OneLine(line)}");
    }

    /// <summary>At most so many lines of evidence, the last of which then says how many are left out.</summary>
    public static IEnumerable<string> Evidence(Operation operation, int most)
    {
        var lines = operation.Evidence.TrimEnd().ReplaceLineEndings("\n").Split('\n');
        if (lines is [""])
            return [];
        return lines.Length <= most
            ? lines
            : [.. lines.Take(most - 1), $"... and {lines.Length - most + 1} lines more, which -o json has"];
    }

    private static string Describe(Operation o) =>
        OperationWords.Describe(o.Kind, o.Product, o.FromVersion, o.ToVersion);
}
