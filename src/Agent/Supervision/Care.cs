namespace Appliance.Agent.Supervision;

/// <summary>What ails the machine as a whole, in a sentence without its full stop.</summary>
internal sealed record MachineProblem(Cause Cause, string Sentence);

/// <summary>What the Healing room tells whoever repairs.</summary>
/// <param name="Ladder">What is tried for a replica that is not well.</param>
/// <param name="Problems">What ails the machine, the worst first.</param>
internal sealed record Care(Ladder Ladder, IReadOnlyList<MachineProblem> Problems)
{
    public static Care Default { get; } = new(Ladder.Default, []);
}

/// <summary>A replica that is not well, and how far its healing is.</summary>
/// <param name="Tries">In a row, before the one that is next.</param>
/// <param name="Next">What is next.</param>
/// <param name="IsPastRepair">Whether all that can be done for a container has been done.</param>
/// <param name="Error">What the engine, or the check, said; "" when nothing.</param>
internal sealed record Ailment(Slot Slot, Cause Cause, int Tries, Rung Next, bool IsPastRepair, string Error);
