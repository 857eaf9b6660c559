using Appliance.Agent.Storage;

namespace Appliance.Agent.Updates;

/// <summary>What the steps of an operation say of its services, to a start of the agent that goes on with it. Pure.</summary>
internal static class Recorded
{
    /// <summary>Whether anything that runs was touched.</summary>
    public static bool HasBegun(IEnumerable<OperationStep> steps) =>
        steps.Any(s => s is { Phase: Phase.Switching or Phase.Observing, Outcome: StepOutcome.Begun });

    /// <summary>Services that are named: taken on, or noted as not well before.</summary>
    public static IEnumerable<string> Named(IEnumerable<OperationStep> steps) =>
        steps.Select(s => s.Service).OfType<string>();

    /// <summary>Services that were not well before, and so do not have to be.</summary>
    /// <param name="changed">What the release changes has to be well, whatever it was.</param>
    public static IEnumerable<string> Ailing(IEnumerable<OperationStep> steps, IEnumerable<string> changed) =>
        Named(steps.Where(s => s is { Phase: Phase.Loaded or Phase.Switching, Outcome: StepOutcome.Done }))
            .Except(changed);

    /// <summary>Services that are not well, and were kept all the same, with the reason.</summary>
    /// <remarks>
    /// What is not kept ends the operation: after a failure that was not tolerated comes nothing but the way back. So one that
    /// is the last of all steps is not decided yet.
    /// </remarks>
    public static IReadOnlyDictionary<string, string> Tolerated(IReadOnlyList<OperationStep> steps) =>
        steps
            .Where(s => s.Service is not null)
            .GroupBy(s => s.Service!)
            .Select(g => g.MaxBy(s => s.Sequence)!)
            .Where(s =>
                s is { Phase: Phase.Switching or Phase.Observing, Outcome: StepOutcome.Failed }
                && s.Sequence < steps.Max(other => other.Sequence)
            )
            .ToDictionary(s => s.Service!, s => s.Text);
}
