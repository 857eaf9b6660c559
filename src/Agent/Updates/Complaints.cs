using Appliance.Agent.Storage;

namespace Appliance.Agent.Updates;

/// <summary>
/// What counts against the services of a release, each from when it came under watch: what it did before is held against
/// nobody.
/// </summary>
/// <param name="renewed">Services that have new containers: only of those the requests are judged.</param>
internal sealed class Complaints(EventLog events, TrafficWatch traffic, int attempts, IReadOnlySet<string> renewed)
{
    private const int Page = 256;

    private readonly Dictionary<string, Conduct> conducts = [];
    private long read = events.LastId;
    private Conduct? tried;

    /// <summary>From now on; not again for one that is watched already.</summary>
    public void Watch(string service)
    {
        ReadOn();
        conducts.TryAdd(service, new Conduct(service, attempts));
    }

    /// <summary>What it did and does is no longer of interest.</summary>
    public void Drop(string service) => conducts.Remove(service);

    /// <summary>From now on, how often a container of a service that is tried is restarted.</summary>
    public void WatchTried(string service, string container)
    {
        ReadOn();
        tried = new Conduct(service, attempts, container);
    }

    public void DropTried() => tried = null;

    /// <summary>By when it is to be asked again, though nothing happens; null: by no time.</summary>
    public TimeSpan? NextLook => conducts.Keys.Any(renewed.Contains) ? traffic.NextLook : null;

    /// <returns>Null: nothing counts against any of them, nor how the requests to them go.</returns>
    public async Task<Unfit?> FirstAsync(CancellationToken ct) =>
        First() ?? await traffic.LookAsync(conducts.Keys.Where(renewed.Contains), ct);

    /// <returns>Null: nothing that they did counts against any of them.</returns>
    public Unfit? First()
    {
        ReadOn();
        return All.Select(c => c.Complaint).FirstOrDefault(c => c is not null);
    }

    private IEnumerable<Conduct> All => tried is null ? conducts.Values : conducts.Values.Append(tried);

    private void ReadOn()
    {
        IReadOnlyList<StoredEvent> page;
        do
        {
            page = events.After(read, Page, service: null);
            foreach (var e in page)
            {
                foreach (var conduct in All)
                    conduct.On(e);
                read = e.Id;
            }
        } while (page.Count == Page);
    }
}

/// <summary>One service's, event by event.</summary>
/// <param name="container">Only what this one does is its; null: all of the service's containers.</param>
internal sealed class Conduct(string service, int attempts, string? container = null)
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
        else if (e.Service != service || (container is not null && e.Container != container))
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
