using Appliance.Agent.Storage;

namespace Appliance.Agent.Updates;

/// <summary>
/// What counts against the services of a release, each from when it came under watch: what it did before is held against
/// nobody.
/// </summary>
internal sealed class Complaints(EventLog events, TrafficWatch traffic, int attempts)
{
    private const int Page = 256;

    private readonly Dictionary<string, Conduct> conducts = [];
    private long read = events.LastId;

    /// <summary>From now on; not again for one that is watched already.</summary>
    public void Watch(string service)
    {
        ReadOn();
        conducts.TryAdd(service, new Conduct(service, attempts));
    }

    /// <summary>What it did and does is no longer of interest.</summary>
    public void Drop(string service) => conducts.Remove(service);

    /// <summary>By when it is to be asked again, though nothing happens; null: by no time.</summary>
    public TimeSpan? NextLook => conducts.Count > 0 ? traffic.NextLook : null;

    /// <returns>Null: nothing counts against any of them, nor how the requests to them go.</returns>
    public async Task<Unfit?> FirstAsync(CancellationToken ct) => First() ?? await traffic.LookAsync(conducts.Keys, ct);

    /// <returns>Null: nothing that they did counts against any of them.</returns>
    public Unfit? First()
    {
        ReadOn();
        return conducts.Values.Select(c => c.Complaint).FirstOrDefault(c => c is not null);
    }

    private void ReadOn()
    {
        IReadOnlyList<StoredEvent> page;
        do
        {
            page = events.After(read, Page, service: null);
            foreach (var e in page)
            {
                foreach (var conduct in conducts.Values)
                    conduct.On(e);
                read = e.Id;
            }
        } while (page.Count == Page);
    }
}

/// <summary>One service's, event by event.</summary>
internal sealed class Conduct(string service, int attempts)
{
    // An unhealthy service is restarted within moments: the event outlives the state.
    private static readonly string[] GivenUp = ["service.unhealthy", "service.failed", "service.failing"];

    private readonly HashSet<string> backSinceLoss = [];
    private bool engineWasLost;
    private int restarts;

    public Unfit? Complaint { get; private set; }

    public void On(StoredEvent e)
    {
        if (Complaint is not null)
            return;
        if (e.Kind == "engine.lost")
            ForgiveLoss();
        else if (e.Service != service)
            return;
        else if (GivenUp.Contains(e.Kind))
            Complaint = new Unfit(service, $"{service}: {e.Found}");
        else if (IsItsOwnRestart(e) && ++restarts >= attempts)
            Complaint = new Unfit(service, $"{e.Found}; it was restarted {restarts} times");
    }

    // An engine that goes takes containers with it: what was seen just before was its end, and each has to come back once.
    private void ForgiveLoss()
    {
        (engineWasLost, restarts) = (true, 0);
        backSinceLoss.Clear();
    }

    // A restart that somebody asked for repairs nothing, and is told as news only.
    private bool IsItsOwnRestart(StoredEvent e) =>
        e is { Kind: "container.restarted", Severity: not EventSeverity.Info }
        && !(engineWasLost && backSinceLoss.Add(e.Container ?? ""));
}
