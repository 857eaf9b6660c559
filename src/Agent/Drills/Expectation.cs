using Appliance.Agent.Storage;

namespace Appliance.Agent.Drills;

internal enum Course
{
    /// <summary>The appliance puts it right by itself.</summary>
    Healed,

    /// <summary>It lasts for a while, and is undone.</summary>
    HeldFor,

    /// <summary>It lasts until it was noticed, and is undone.</summary>
    HeldUntilNoticed,
}

/// <summary>What is expected of the appliance in a disaster.</summary>
/// <param name="DetectWithin">Null: it need not notice.</param>
/// <param name="RecoverWithin">From the injection where it heals by itself, else from the undoing.</param>
/// <param name="Hold">For how long it lasts, where it is held for a while.</param>
internal sealed record Expectation(
    Course Course,
    TimeSpan? DetectWithin,
    TimeSpan RecoverWithin,
    TimeSpan Hold = default
);

/// <summary>What was seen of a disaster, in times from its injection, or its undoing where that ends it.</summary>
internal sealed record Sighting(TimeSpan? Detected, string DetectedBy, TimeSpan? Recovered, string NotWell);

/// <summary>From what was expected and what was seen to the verdict. Pure.</summary>
internal static class Judgement
{
    public static (DisasterOutcome Outcome, string Why) Of(Expectation expected, Sighting seen)
    {
        if (expected.DetectWithin is { } notice && seen.Detected is null)
            return (DisasterOutcome.Failed, $"it was not noticed within {Words.Of(notice)}");
        if (seen.Recovered is null)
            return (
                DisasterOutcome.Failed,
                $"it was not recovered from within {Words.Of(expected.RecoverWithin)}: {seen.NotWell}"
            );
        if (seen.Detected > expected.DetectWithin)
            return (
                DisasterOutcome.Failed,
                $"it was noticed later than within {Words.Of(expected.DetectWithin.Value)}"
            );
        return seen.Recovered > expected.RecoverWithin
            ? (DisasterOutcome.Failed, $"it was recovered from later than within {Words.Of(expected.RecoverWithin)}")
            : (DisasterOutcome.Passed, "");
    }

    /// <summary>It was brought about, and nobody waited for what came of it.</summary>
    public static (DisasterOutcome Outcome, string Why) BrokenOff(bool isUndone) =>
        (
            DisasterOutcome.Failed,
            isUndone
                ? "it was broken off before it had recovered, and undone"
                : "it was broken off before it had recovered"
        );

    /// <summary>What comes of a drill.</summary>
    public static (DrillState State, string Sentence, string Reason) Of(
        IReadOnlyList<DisasterRecord> disasters,
        string? cancelledBy
    )
    {
        var (passed, failed, notRun) = (
            Count(DisasterOutcome.Passed),
            Count(DisasterOutcome.Failed),
            Count(DisasterOutcome.NotRun)
        );
        var sentence =
            $"{passed} of {disasters.Count} disasters were recovered from in time, {failed} were not, {notRun} were not run";
        var first = disasters.FirstOrDefault(d => d.Result.Outcome is DisasterOutcome.Failed);
        var failure = first is null ? "" : $"{first.Name}: {first.Result.Why}";
        // What was under way is broken off by it, and so has failed.
        if (cancelledBy is not null)
            return (
                DrillState.Cancelled,
                sentence,
                failure.Length > 0 ? $"{cancelledBy} asked for it; {failure}" : $"{cancelledBy} asked for it"
            );
        if (first is not null)
            return (DrillState.Failed, sentence, failure);
        return passed > 0
            ? (DrillState.Done, sentence, "")
            : (DrillState.Refused, sentence, disasters is [var d, ..] ? $"{d.Name}: {d.Result.Why}" : "");

        int Count(DisasterOutcome outcome) => disasters.Count(d => d.Result.Outcome == outcome);
    }
}

internal static class Words
{
    /// <summary>"12 s", "1.5 s", "340 ms".</summary>
    public static string Of(TimeSpan span) =>
        span < TimeSpan.FromSeconds(1)
            ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{span.TotalMilliseconds:0} ms")
            : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.#} s");
}
