using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>
/// Containers that were sent requests when the agent started. To the new agent none is proven yet; it would take all of them
/// out at once, to put them back a moment later. So they stay until they were ready once, or had the time for it.
/// </summary>
internal sealed class Adopted(TimeProvider clock)
{
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(30);

    private readonly HashSet<string> proven = [];
    private HashSet<string> addresses = [];
    private long since;

    /// <summary>When one of the given is trusted no longer for want of proof; null: none is.</summary>
    public TimeSpan? Left { get; private set; }

    public void Begin(IEnumerable<ServerSlot> slots)
    {
        since = clock.GetTimestamp();
        addresses = [.. slots.Where(s => s.State is ServerState.Ready).Select(s => s.Address).OfType<string>()];
    }

    public void Look(IReadOnlyList<PublishedService> published)
    {
        var servers = published.SelectMany(s => s.Servers).ToList();
        proven.UnionWith(servers.Where(s => s.IsReady).Select(s => s.ContainerId));
        proven.IntersectWith(servers.Select(s => s.ContainerId));
        if (clock.GetElapsedTime(since) >= Time)
            addresses = [];
        Left = servers.Exists(Trusts) ? Time - clock.GetElapsedTime(since) : null;
    }

    public bool Trusts(PublishedServer server) =>
        server is { IsReady: false, Leaving: null }
        && addresses.Contains(server.Address)
        && !proven.Contains(server.ContainerId);
}
