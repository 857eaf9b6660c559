namespace Appliance.Agent.Supervision;

/// <summary>
/// Since when containers are ready, and since when they leave: what no observation tells. It goes with the agent; after a
/// start it is counted anew, which makes an exchange slower and nothing else.
/// </summary>
internal sealed class Passing
{
    private Dictionary<string, DateTimeOffset> leaving = [];
    private Dictionary<string, DateTimeOffset> ready = [];

    public IReadOnlyDictionary<string, DateTimeOffset> LeavingSince => leaving;

    public IReadOnlyDictionary<string, DateTimeOffset> ReadySince => ready;

    /// <summary>Takes over what a plan says.</summary>
    /// <returns>Whether another plan is due because of it.</returns>
    public bool Remember(Plan plan, DateTimeOffset now)
    {
        var slots = plan.Services.SelectMany(s => s.AllSlots).ToList();
        var isNews = slots.Any(s => s is { IsReady: true, Container: { } c } && !ready.ContainsKey(c.Id));
        var exchanging = plan
            .Services.Where(s => s.Slots.Any(slot => slot.Others.Count > 0))
            .Any(s => s.Slots.Count > 1);
        leaving = Since(
            slots
                .SelectMany(s => s.Leaving.Keys)
                .Concat(plan.Orphans.Where(o => o.IsLeaving).Select(o => o.Container.Id)),
            leaving,
            now
        );
        // What is replaced is asked no more, and was ready if it was.
        var replaced = slots
            .SelectMany(s => s.Others)
            .Concat(plan.Orphans.Select(o => o.Container))
            .Select(c => c.Id)
            .Where(ready.ContainsKey);
        ready = Since(
            slots.Where(s => s.IsReady).Select(s => s.Container?.Id).OfType<string>().Concat(replaced),
            ready,
            now
        );
        return isNews && exchanging;
    }

    private static Dictionary<string, DateTimeOffset> Since(
        IEnumerable<string> ids,
        Dictionary<string, DateTimeOffset> before,
        DateTimeOffset now
    ) => ids.Distinct().ToDictionary(id => id, id => before.GetValueOrDefault(id, now));
}
