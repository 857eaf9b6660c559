using Appliance.Bundles.Compose;

namespace Appliance.Agent.Supervision;

/// <summary>
/// From what is wanted and what is there to what to do next. Pure. A plan holds only steps that can be taken now:
/// what has to wait for them is planned on a later pass, from a fresh observation.
/// </summary>
internal static class Planner
{
    public static Plan Make(PlanningInputs inputs)
    {
        // What somebody asks for may need a network or an image.
        var leavesAlone = inputs.IsHeld && inputs.AskedRestarts.Count == 0;
        var steps = new List<Step>();
        steps.AddRange(leavesAlone ? [] : SharedSteps(inputs));

        var services = new List<ServicePlan>();
        foreach (var service in inputs.Desired.Services)
            services.Add(PlanService(service, inputs, services));

        steps.AddRange(services.SelectMany(s => s.AllSlots).SelectMany(s => s.Steps));
        var handovers = new Handovers(inputs, services);
        var orphans = OrphansOf(inputs).Select(c => PlanOrphan(c, handovers, inputs)).ToList();
        steps.AddRange(orphans.Select(o => o.Step).OfType<Step>());
        steps.AddRange(inputs.IsHeld || inputs.Desired.IsUnknown ? [] : UnusedNetworks(inputs));

        var due = steps.Where(s => IsDue(s, inputs)).ToList();
        var completed = services
            .SelectMany(s => s.Slots)
            .Select(s => s.Completed)
            .OfType<Storage.Completion>()
            .ToList();
        var wakeAt = services
            .SelectMany(s => s.AllSlots)
            .Select(s => s.NextAttempt)
            .Concat(services.SelectMany(s => s.AllSlots).Select(s => s.WakeAt))
            .Concat(services.Select(s => s.NextTurnAt))
            .Concat(orphans.Select(o => o.WakeAt))
            .Append(inputs.Hold?.Until)
            .Concat(steps.Select(s => inputs.FailureOf(s.Lane)?.RetryAt))
            .Where(t => t > inputs.Now)
            .Min();
        var isTidy =
            !steps.Concat(inputs.InFlight.Values).Any(s => s is Step.Remove or Step.RemoveNetwork)
            && orphans.Count == 0
            && !services.SelectMany(s => s.AllSlots).Any(s => s.Leaving.Count > 0);
        return new Plan(due, services, orphans, completed, isTidy, Standstill.IsReached(inputs), wakeAt);
    }

    private static bool IsDue(Step step, PlanningInputs inputs) =>
        !step.Lanes.Any(inputs.InFlight.ContainsKey) && inputs.FailureOf(step.Lane) is null;

    private static ServicePlan PlanService(DesiredService service, PlanningInputs inputs, List<ServicePlan> earlier)
    {
        var dependencies = service
            .DependsOn.Select(d => new DependencyView(d.Service, d.InWords, Satisfied(d, earlier, inputs)))
            .ToList();
        var obstacle = service
            .DependsOn.Where((_, i) => !dependencies[i].Satisfied)
            .Select(d => (d, earlier.FirstOrDefault(s => s.Service.Name == d.Service)))
            .Select(pair => Obstacle(pair.d, pair.Item2))
            .Append(Predecessor(service, inputs))
            .FirstOrDefault(o => o is not null);

        var needs = new Needs(obstacle, obstacle ?? SickNeed(service, earlier));
        var turns = Turns.Of(service, inputs);
        var slots = Enumerable
            .Range(1, service.Replicas)
            .Select(n => new SlotPlanner(service, new Slot(service.Name, n), needs, turns, inputs).Decide())
            .ToList();
        if (slots.Count == 0)
            return new ServicePlan(
                service,
                ServiceState.Stopped,
                "The release asks for 0 replicas.",
                dependencies,
                slots
            )
            {
                Definition = inputs.Desired.DefinitionOf(service),
            };

        var worst = slots.MaxBy(s => Gravity(s.State))!;
        var explanation = slots.Count == 1 ? worst.Explanation : OfSeveral(slots, worst);
        return new ServicePlan(service, worst.State, explanation, dependencies, slots)
        {
            Definition = inputs.Desired.DefinitionOf(service),
            NextTurnAt = turns.NextAt,
            CanaryDefinition = service.Canary is { } tried ? inputs.Desired.DefinitionOf(tried) : "",
            Canary = service.Canary is { } canary
                ? new SlotPlanner(canary, service.CanarySlot, needs, turns, inputs).Decide()
                : null,
        };
    }

    private static bool Satisfied(DesiredDependency dependency, List<ServicePlan> earlier, PlanningInputs inputs)
    {
        if (earlier.FirstOrDefault(s => s.Service.Name == dependency.Service) is not { } plan)
            return false;
        return dependency.Condition switch
        {
            DependencyCondition.Healthy => plan.Slots.All(s =>
                s.State is ServiceState.Running || s.Others.Any(o => PublishedServices.Serves(o, inputs))
            ),
            DependencyCondition.CompletedSuccessfully => plan.Slots.All(s => s.State is ServiceState.Completed),
            _ => plan.Slots.All(s =>
                s.State is ServiceState.Completed || s.Container is { IsUp: true } || s.Others.Any(o => o.IsUp)
            ),
        };
    }

    /// <summary>What it needs that is ill itself, whatever it is to wait for at its start; null: nothing is.</summary>
    private static string? SickNeed(DesiredService service, List<ServicePlan> earlier) =>
        service
            .DependsOn.Select(d => earlier.FirstOrDefault(s => s.Service.Name == d.Service))
            .OfType<ServicePlan>()
            .Where(p =>
                p.State
                    is ServiceState.Unhealthy
                        or ServiceState.KeptStill
                        or ServiceState.Unready
                        or ServiceState.BackingOff
                        or ServiceState.Failed
            )
            .Select(p => $"{p.Service.Name} to be well; {p.Service.Name} is {Words.Of(p.State)}")
            .FirstOrDefault();

    private static string Obstacle(DesiredDependency dependency, ServicePlan? plan)
    {
        var wanted = dependency.Condition switch
        {
            DependencyCondition.Healthy => "to be healthy",
            DependencyCondition.CompletedSuccessfully => "to complete",
            _ => "to start",
        };
        return plan is null
            ? $"{dependency.Service} {wanted}, which the release does not have"
            : $"{dependency.Service} {wanted}; {dependency.Service} is {Words.Of(plan.State)}";
    }

    /// <summary>What is being removed, and would be in its way: a service that goes by another name now.</summary>
    private static string? Predecessor(DesiredService service, PlanningInputs inputs) =>
        OrphansOf(inputs).FirstOrDefault(c => c.IsUp && service.CannotRunBeside(c)) is { } holder
            ? $"{holder.Name}, which is being removed, to give up the {holder.Claims.First(service.Claims.Contains)}"
            : null;

    private static string OfSeveral(List<SlotPlan> slots, SlotPlan worst)
    {
        var ready = slots.Count(s => s.State is ServiceState.Running);
        return ready == slots.Count
            ? $"All {slots.Count} replicas are running. {worst.Explanation}"
            : $"{ready} of {slots.Count} replicas are running. Replica {worst.Slot.Replica}: {worst.Explanation}";
    }

    private static int Gravity(ServiceState state) =>
        state switch
        {
            ServiceState.Failed => 10,
            ServiceState.BackingOff => 9,
            ServiceState.Unhealthy => 8,
            ServiceState.Unready => 7,
            ServiceState.Waiting or ServiceState.KeptStill => 6,
            ServiceState.Pending => 5,
            ServiceState.Starting => 4,
            ServiceState.Stopping => 3,
            ServiceState.Stopped => 2,
            ServiceState.Completed => 1,
            _ => 0,
        };

    private static IEnumerable<Step> SharedSteps(PlanningInputs inputs)
    {
        var (desired, observed) = (inputs.Desired, inputs.Observed);
        foreach (var network in desired.Networks.Values)
        {
            if (!observed.Networks.TryGetValue(network.Name, out var found))
                yield return new Step.CreateNetwork(
                    network,
                    Again(network.Name),
                    Gone($"network {network.Name}", network.Name)
                );
            else if (found.Ours && found.ConfigHash != network.ConfigHash)
                yield return new Step.ReplaceNetwork(
                    network,
                    found.Id,
                    $"network {network.Name} has settings of another release"
                );
        }

        foreach (var volume in desired.Volumes.Values.Where(v => !observed.Volumes.Contains(v.Name)))
            yield return new Step.CreateVolume(volume, Again(volume.Name), Gone($"volume {volume.Name}", volume.Name));

        foreach (var image in desired.Images.Values)
        {
            if (!observed.Holds(image.Id))
                yield return new Step.LoadImage(image, Again(image.Id), Gone($"image {image.Reference}", image.Id));
            else if (image.Tag is { } tag && observed.ImageIds.GetValueOrDefault(tag.ToString()) != image.Id)
                yield return new Step.TagImage(image, tag, $"image {image.Reference} had lost its tag");
        }

        bool Again(string name) => inputs.Seen.Contains(name);
        string Gone(string subject, string name) =>
            Again(name) ? $"{subject} was gone" : $"{subject} does not exist yet";
    }

    /// <summary>Ours, and of no replica that the release has.</summary>
    private static IEnumerable<ObservedContainer> OrphansOf(PlanningInputs inputs)
    {
        var services = inputs.Desired.Services.ToDictionary(s => s.Name);
        return inputs.Observed.Containers.Where(c =>
            c.Ours && !(c.Slot is { } s && services.GetValueOrDefault(s.Service)?.Has(s) == true)
        );
    }

    private static OrphanPlan PlanOrphan(ObservedContainer container, Handovers handovers, PlanningInputs inputs)
    {
        if (inputs.IsHeld || inputs.Desired.IsUnknown && !inputs.UsesStill(container))
            return new OrphanPlan(container, null, false, null);
        var found = $"{container.Name} belongs to no service of the release";
        var service = inputs.Desired.ServiceOf(container);
        var departures = service is null ? null : new Departures(service, inputs);
        if (inputs.InFlight.Values.FirstOrDefault(s => s.EndsId == container.Id) is { } step)
        {
            departures?.Keep(container.Id, step.Found);
            return new OrphanPlan(container, null, departures?.Leaving.Count > 0, null);
        }
        if (service is not null && handovers.Keeps(service, container))
            return new OrphanPlan(container, null, false, null) { KeepsRoutes = true };
        if (service is not null && handovers.IsAskedYet(service, container))
            return new OrphanPlan(container, null, false, null);
        var hasLeft = departures?.HasLeft(container, found) ?? true;
        return new OrphanPlan(
            container,
            hasLeft ? new Step.Remove(container.Id, container.Name, container.StopGrace, found) : null,
            departures?.Leaving.Count > 0,
            departures?.Until
        );
    }

    private static IEnumerable<Step> UnusedNetworks(PlanningInputs inputs)
    {
        var inUse = inputs.Observed.Containers.SelectMany(c => c.Networks.Values).ToHashSet();
        foreach (var network in inputs.Observed.Networks.Values)
        {
            if (network.Ours && !inputs.Desired.Networks.ContainsKey(network.Name) && !inUse.Contains(network.Id))
                yield return new Step.RemoveNetwork(
                    network.Id,
                    network.Name,
                    $"network {network.Name} is not in the release"
                );
        }
    }
}
