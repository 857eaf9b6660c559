using Appliance.V1;

namespace Appliance.Bench.Updating;

/// <summary>Upgrades by <c>appliancectl</c>, and when the journal says that what happened.</summary>
internal static class Upgrades
{
    public static Command CommandFor(TestBed bed, AgentProcess agent, string bundle, string how) =>
        new(bed.Program("appliancectl"), "upgrade", "--bundle", bundle, how, "--socket", agent.Socket);

    /// <summary>Upgrades, and returns the steps.</summary>
    public static async Task<IReadOnlyList<OperationStep>> RunAsync(
        TestBed bed,
        AgentProcess agent,
        string bundle,
        CancellationToken ct
    )
    {
        await CommandFor(bed, agent, bundle, "--yes").RunAsync(ct);
        return await agent.StepsAsync(ct);
    }

    /// <summary>The time of the first such step.</summary>
    public static DateTimeOffset At(
        this IReadOnlyList<OperationStep> steps,
        string phase,
        OperationStep.Types.Outcome outcome = OperationStep.Types.Outcome.Done
    ) => steps.First(s => s.Phase == phase && s.Outcome == outcome).Time.ToDateTimeOffset();
}
