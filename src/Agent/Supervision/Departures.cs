namespace Appliance.Agent.Supervision;

/// <summary>
/// Which running containers of a slot may be ended now. One that is sent requests leaves first: ingress takes it out, and
/// says when nothing is under way with it. Pure.
/// </summary>
internal sealed class Departures(DesiredService service, PlanningInputs inputs)
{
    // What ingress needs on top of the time that requests have.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, string> leaving = [];

    /// <summary>Those that are to end, with the reason, by id.</summary>
    public IReadOnlyDictionary<string, string> Leaving => leaving;

    /// <summary>When one that ingress says nothing of is ended all the same; null: none is waited for.</summary>
    public DateTimeOffset? Until { get; private set; }

    /// <summary>Whether anybody sends it requests.</summary>
    private bool IsServed(ObservedContainer container) =>
        service.IsPublished && inputs.Traffic.IsServing && container.State is RunState.Running;

    /// <summary>Has a container leave, and says whether it has.</summary>
    /// <param name="container">One of the slot's.</param>
    /// <param name="why">What it is to end for.</param>
    public bool HasLeft(ObservedContainer container, string why)
    {
        if (!IsServed(container))
            return true;
        leaving[container.Id] = why;
        if (inputs.Traffic.Drained.Contains(container.Id))
            return true;
        // Ingress may hang, and a clock that was put back makes nobody wait longer.
        var since = inputs.LeavingSince.GetValueOrDefault(container.Id, inputs.Now);
        var until = (since > inputs.Now ? inputs.Now : since) + container.StopGrace + Patience;
        if (until <= inputs.Now)
            return true;
        Until = Until < until ? Until : until;
        return false;
    }

    /// <summary>What a step under way is ending stays out.</summary>
    public void Keep(string? containerId, string why)
    {
        if (service.IsPublished && containerId is not null)
            leaving[containerId] = why;
    }

    /// <summary>Whether requests go to it already, so that the one before it can be done without.</summary>
    public bool HasJoined(ObservedContainer container) =>
        !IsServed(container) || inputs.Traffic.Joined.Contains(container.Id);
}
