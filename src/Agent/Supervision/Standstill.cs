namespace Appliance.Agent.Supervision;

/// <summary>Nobody uses data that is about to be kept, or brought back. Pure.</summary>
internal static class Standstill
{
    /// <summary>Why something is stopped, for sentences.</summary>
    public const string Reason = "the update changes data that it uses";

    public static bool IsReached(PlanningInputs inputs)
    {
        var (desired, traffic) = (inputs.Desired, inputs.Traffic);
        return !inputs.Observed.Containers.Any(c => IsToStop(c, inputs))
            // A step that was begun before may still start something, also of a service that is not wanted any more.
            && !inputs.InFlight.Values.Any(s =>
                s.Slot is { } slot && desired.Service(slot.Service)?.IsKeptStill == true || UsesStill(s, inputs)
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
            .Observed.Containers.Where(c => IsToStop(c, inputs))
            .Select(c => c.Slot?.Service)
            .FirstOrDefault(name => name is not null && name != service.Name && needs.Contains(name));
    }

    // What is somebody else's is nobody's here to stop, and would be waited for in vain.
    private static bool IsToStop(ObservedContainer container, PlanningInputs inputs) =>
        container.IsUp && inputs.UsesStill(container) && inputs.CanStop(container);

    private static bool UsesStill(Step step, PlanningInputs inputs)
    {
        if (inputs.Desired.Still.Count == 0)
            return false;
        if (step is Step.Create create)
            return create.Service.Volumes.Any(inputs.Desired.Still.Contains);
        var ids = step is Step.Switch s ? [s.OldId, s.NewId] : new[] { step.ContainerId };
        // Of one that was not seen yet it is not known what it uses.
        return ids.OfType<string>()
            .Any(id => inputs.Observed.Containers.FirstOrDefault(c => c.Id == id) is not { } c || inputs.UsesStill(c));
    }
}
