using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>
/// Containers that were sent requests when the agent started. To the new agent none is proven yet; it would take all of them
/// out at once, to put them back a moment later. So they stay until they were ready once, or had the time for it.
/// </summary>
/// <remarks>
/// HAProxy knows addresses only, and the engine gives one that was somebody's to whoever starts first, as after a boot. So
/// it must be one that ran when it was first looked, and has not been away since.
/// </remarks>
internal sealed class Adopted(TimeProvider clock)
{
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(30);

    private readonly HashSet<string> proven = [];
    private HashSet<string> addresses = [];
    private HashSet<string>? ranBefore;
    private long? since;

    /// <summary>How much longer those are trusted that want proof; null: none does.</summary>
    public TimeSpan? Left { get; private set; }

    public void Begin(IEnumerable<ServerSlot> slots)
    {
        since = null;
        addresses = [.. slots.Where(s => s.State is ServerState.Ready).Select(s => s.Address).OfType<string>()];
    }

    /// <param name="published">All that runs, and be it nothing: what is not known yet is not looked at.</param>
    public void Look(IReadOnlyList<PublishedService> published)
    {
        var servers = published.SelectMany(s => s.Servers).ToList();
        var running = servers.Select(s => s.ContainerId).ToHashSet();
        proven.UnionWith(servers.Where(s => s.IsReady).Select(s => s.ContainerId));
        proven.IntersectWith(running);
        ranBefore ??= [.. running];
        ranBefore.IntersectWith(running);
        // They have had the time only once somebody could have asked them.
        if (servers.Count > 0)
            since ??= clock.GetTimestamp();
        var taken = since is { } begun ? clock.GetElapsedTime(begun) : TimeSpan.Zero;
        if (taken >= Time)
            addresses = [];
        Left = servers.Exists(Trusts) ? Time - taken : null;
    }

    public bool Trusts(PublishedServer server) =>
        server is { IsReady: false, Leaving: null }
        && addresses.Contains(server.Address)
        && ranBefore is { } ran
        && ran.Contains(server.ContainerId)
        && !proven.Contains(server.ContainerId);
}
