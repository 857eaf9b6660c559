using Appliance.Agent.Storage;

namespace Appliance.Agent.Supervision;

/// <summary>Which changes of a service's state are news of their own: no step tells them.</summary>
internal static class Transitions
{
    /// <param name="newlyCompleted">Whether a completion of it is not on record yet.</param>
    public static NewEvent? Between(ServiceView? before, ServiceView after, bool newlyCompleted)
    {
        if (before?.State == after.State)
            return null;
        return after.State switch
        {
            ServiceState.Unhealthy => Tell(
                EventSeverity.Warning,
                "service.unhealthy",
                "restarts it as its pace and what it needs allow"
            ),
            // A start is not told as one that was ready before.
            ServiceState.Unready when before?.State is ServiceState.Running => Tell(
                EventSeverity.Warning,
                "service.unready",
                "sends it no requests, and lets it run"
            ),
            ServiceState.Failed => Tell(EventSeverity.Error, "service.failed", "leaves it; a person has to decide"),
            ServiceState.Completed when newlyCompleted => Tell(
                EventSeverity.Info,
                "service.completed",
                "lets what waits for it start"
            ),
            ServiceState.Running
                when before?.State
                    is ServiceState.Unhealthy
                        or ServiceState.Unready
                        or ServiceState.BackingOff
                        or ServiceState.Failed => Tell(
                EventSeverity.Info,
                "service.recovered",
                "nothing more is needed"
            ),
            _ => null,
        };

        NewEvent Tell(EventSeverity severity, string kind, string done) =>
            new(severity, kind, after.Name, null, Found(after.Explanation), done);
    }

    // What is done about it is said apart.
    private static string Found(string explanation) =>
        explanation
            .Replace(SlotPlanner.IsBeingRestarted, "", StringComparison.Ordinal)
            .Replace(SlotPlanner.GetsAnother, "", StringComparison.Ordinal)
            .Replace(SlotPlanner.IsLoadedAgain, "", StringComparison.Ordinal)
            .TrimEnd('.');
}
