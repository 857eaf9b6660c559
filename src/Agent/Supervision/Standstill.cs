namespace Appliance.Agent.Supervision;

/// <summary>Nobody uses data that is about to be kept, or brought back. Pure.</summary>
internal static class Standstill
{
    /// <summary>Why something is stopped, for sentences.</summary>
    public const string Reason = "the update changes data that it uses";

    public static bool IsReached(PlanningInputs inputs)
    {
        var (desired, traffic) = (inputs.Desired, inputs.Traffic);
        return !inputs.Observed.Containers.Any(c => c.IsUp && inputs.UsesStill(c))
            // A step that was begun before may still start something.
            && !inputs.InFlight.Values.Any(s =>
                s.Slot is { } slot && desired.Service(slot.Service)?.IsKeptStill == true
            )
            && (!desired.IsClosed || !traffic.IsServing || traffic.IsClosed);
    }

    /// <summary>A service that needs this one, and has yet to stop; null: none has.</summary>
    public static string? DependentOf(DesiredService service, PlanningInputs inputs)
    {
        var needs = new HashSet<string> { service.Name };
        // What depends on others comes after them.
        foreach (var other in inputs.Desired.Services.Where(s => s.DependsOn.Any(d => needs.Contains(d.Service))))
            needs.Add(other.Name);
        return inputs
            .Observed.Containers.Where(c => c.IsUp && inputs.UsesStill(c))
            .Select(c => c.Slot?.Service)
            .FirstOrDefault(name => name is not null && name != service.Name && needs.Contains(name));
    }
}
