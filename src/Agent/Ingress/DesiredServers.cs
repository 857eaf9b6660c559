using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>What is to be done with the containers of a published service. Pure.</summary>
internal static class DesiredServers
{
    private const int Heaviest = 256;

    /// <param name="isTrusted">
    /// Whether a container counts as ready although it was not proven yet: it was, when the agent before this one ended.
    /// </param>
    /// <param name="isInside">Whether it is for other services: they are let through while nobody from outside is.</param>
    public static IReadOnlyList<DesiredServer> Of(
        PublishedService service,
        Func<PublishedServer, bool> isTrusted,
        bool isInside
    )
    {
        var isClosed = service.IsClosed && !isInside;
        var states = service
            .Servers.Where(s => s.Address.Length > 0)
            .Select(s =>
                (
                    Server: s,
                    State: s.Leaving is not null ? ServerState.Draining
                    : !isClosed && (s.IsReady || isTrusted(s)) ? ServerState.Ready
                    : ServerState.Maintenance
                )
            )
            .ToList();
        // One that is slow is spared. If all of them are, it is the crowd that is too large, and to send it away from one after
        // the other would send it away from all: they are asked as before, and whoever is answered is.
        if (!isClosed && !states.Exists(s => s.State is ServerState.Ready))
            states = states.ConvertAll(s =>
                s.Server is { IsOverdue: true, Leaving: null } ? (s.Server, ServerState.Ready) : s
            );
        var ready = states.Where(s => s.State is ServerState.Ready).ToList();
        var (usual, canary) = Weights(
            ready.Count(s => s.Server.Role is not ServerRole.Canary),
            ready.Count(s => s.Server.Role is ServerRole.Canary),
            service.CanaryShare
        );
        return
        [
            .. states.Select(s => new DesiredServer(
                s.Server.ContainerId,
                s.Server.Address,
                s.State,
                s.Server.Role is ServerRole.Canary ? canary : usual
            )),
        ];
    }

    /// <summary>So that all canaries together get their share, as far as whole numbers up to 256 can say it.</summary>
    private static (int Usual, int Canary) Weights(int others, int canaries, int? share)
    {
        if (share is not (> 0 and < 100) || others == 0 || canaries == 0)
            return (ServerSlot.UsualWeight, ServerSlot.UsualWeight);
        var canary = ServerSlot.UsualWeight * others * share.Value / (canaries * (100.0 - share.Value));
        return canary <= Heaviest
            ? (ServerSlot.UsualWeight, Math.Max(1, (int)Math.Round(canary)))
            : (Math.Max(1, (int)Math.Round(ServerSlot.UsualWeight * Heaviest / canary)), Heaviest);
    }
}
