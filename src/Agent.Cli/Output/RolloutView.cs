using System.Globalization;
using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>An update on its way, and what is tried beside what.</summary>
internal static class RolloutView
{
    public static void Write(Screen screen, RolloutStatus rollout)
    {
        var facts = new Table("", "");
        facts.Add(
            "Update",
            OperationWords.Describe(
                rollout.Operation.Kind,
                rollout.Operation.Product,
                rollout.Operation.FromVersion,
                rollout.Operation.ToVersion
            ) + $" ({rollout.Operation.Id})"
        );
        facts.Add("Now", OperationView.Progress(rollout.Operation));
        if (rollout.PausedBy.Length > 0)
            facts.Add("Held", new Cell($"by {rollout.PausedBy}; `appliancectl rollout promote` goes on", Style.Yellow));
        if (rollout.Trial is { } trial)
            facts.Add(
                "Tries",
                $"{trial.Service} on {trial.Weight} % of its requests, for {Ages.Length(trial.Left.ToTimeSpan())} more"
            );
        facts.WriteTo(screen);
        if (rollout.Trial is not { } tried)
            return;
        screen.WriteLine();
        var counts = new Table("VERSION", "REQUESTS", "FAILED", "ANSWERS WITHIN");
        Add(counts, "new", tried.Tried);
        Add(counts, "before", tried.Others);
        counts.WriteTo(screen);
    }

    private static void Add(Table table, string version, RequestCounts counts)
    {
        var ratio = counts.Requests == 0 ? 0 : (double)counts.Failed / counts.Requests;
        var failed = string.Create(CultureInfo.InvariantCulture, $"{counts.Failed} ({ratio * 100:0.##} %)");
        table.Add(
            version,
            counts.Requests.ToString(CultureInfo.InvariantCulture),
            counts.Failed > 0 ? new Cell(failed, Style.Yellow) : failed,
            counts.ResponseTime is { } time
                ? string.Create(CultureInfo.InvariantCulture, $"{time.ToTimeSpan().TotalMilliseconds:0.#} ms")
                : "-"
        );
    }
}
