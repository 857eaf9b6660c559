using Appliance.Agent.Healing;
using Appliance.Agent.Ingress;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Drills;

/// <summary>Whether all is as it should be: the state in which a drill begins, and which a disaster is recovered to.</summary>
internal sealed class Wellness(
    ISupervisor supervisor,
    MachineProblems problems,
    IngressLoop ingress,
    Database database,
    IOptionsMonitor<IngressOptions> options
)
{
    /// <returns>A sentence without its full stop; null: all is well.</returns>
    public string? WhyNot() =>
        database.NotDurableBecause is { } reason ? $"the agent's state is only in memory: {reason}"
        // Supervision's view has them a moment later, which is too late right after an alarm.
        : problems.Standing is [var (problem, _), ..] ? problem.Sentence
        : WhyNot(supervisor.View) is { } ill ? ill
        : supervisor.View.Published.Count > 0
        && options.CurrentValue.Enabled
        && ingress.View is { IsServing: false } or { Problem: not null }
            ? $"ingress does not serve: {ingress.View.Problem ?? "it has not begun yet"}"
        : null;

    /// <summary>Pure.</summary>
    public static string? WhyNot(SupervisionView view)
    {
        if (!view.Engine.Reachable)
            return $"the engine is not reachable: {view.Engine.Error}";
        if (view.ReleaseProblem is { } problem)
            return problem;
        if (view.Services.Count == 0)
            return "nothing is installed";
        var ill = view.Services.FirstOrDefault(s => !IsWell(s));
        return ill is null ? null : $"{ill.Name}: {ill.Explanation.TrimEnd('.')}";
    }

    public static bool IsWell(ServiceView service) =>
        service.State switch
        {
            ServiceState.Running => service.Ready == service.Replicas,
            // What a person wants stopped is as it should be.
            ServiceState.Completed or ServiceState.Stopped => true,
            _ => false,
        };
}
