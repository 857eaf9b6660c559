namespace Appliance.Agent.Ingress;

/// <summary>
/// What makes the places of one backend those of the servers that are wanted. Pure. A container is known to HAProxy by its
/// address only, and that is enough: two that run have two.
/// </summary>
internal static class ServerPlanner
{
    public static RuntimePlan Between(IReadOnlyList<DesiredServer> desired, IReadOnlyList<ServerSlot> slots, int port)
    {
        var wanted = desired
            .Where(d => d.Address.Length > 0)
            .GroupBy(d => d.Address)
            .ToDictionary(g => g.Key, g => g.MaxBy(d => d.State)!);
        var after = slots.ToList();
        var held = new Dictionary<string, int>();
        List<RuntimeStep> joining = [];
        List<RuntimeStep> leaving = [];

        for (var i = 0; i < after.Count; i++)
        {
            if (after[i].Address is { } address && wanted.ContainsKey(address))
                held.TryAdd(address, i);
        }

        var hasRoom = true;
        foreach (var server in wanted.Values)
        {
            if (!held.TryGetValue(server.Address, out var at))
            {
                // Who is not to be sent anything needs no place.
                if (server.State is not ServerState.Ready)
                    continue;
                at = FreePlace(after, wanted);
                if (at < 0)
                {
                    hasRoom = false;
                    continue;
                }
                held[server.Address] = at;
                // Nothing may come to it before its weight is what it is to be.
                Turn(after, at, ServerState.Maintenance, joining);
                joining.Add(new RuntimeStep.Place(after[at].Backend, after[at].Name, server.Address, port));
                after[at] = after[at] with { Address = server.Address, InUse = 0 };
            }
            if (after[at].Weight != server.Weight && server.State is ServerState.Ready)
            {
                joining.Add(new RuntimeStep.Weigh(after[at].Backend, after[at].Name, server.Weight));
                after[at] = after[at] with { Weight = server.Weight };
            }
            // After a reload what leaves is in maintenance there: as good.
            if (server.State is ServerState.Draining && after[at].State is ServerState.Maintenance)
                continue;
            Turn(after, at, server.State, server.State is ServerState.Ready ? joining : leaving);
        }

        for (var i = 0; i < after.Count; i++)
        {
            if (after[i].Address is not { } address || !held.TryGetValue(address, out var at) || at != i)
                Turn(after, i, ServerState.Maintenance, leaving);
        }
        // Who comes in comes first: at no time there is none.
        return new RuntimePlan([.. joining, .. leaving], after, hasRoom);
    }

    private static void Turn(List<ServerSlot> slots, int at, ServerState state, List<RuntimeStep> steps)
    {
        if (slots[at].State == state)
            return;
        steps.Add(new RuntimeStep.Turn(slots[at].Backend, slots[at].Name, state));
        slots[at] = slots[at] with { State = state };
    }

    // One that nobody ever had, else one that nobody has any more; a place with requests under way only if there is no
    // other: they are then counted to the wrong container, and not harmed.
    private static int FreePlace(List<ServerSlot> slots, Dictionary<string, DesiredServer> wanted)
    {
        var free = slots
            .Select((slot, at) => (slot, at))
            .Where(s => s.slot.Address is not { } address || !wanted.ContainsKey(address))
            .OrderBy(s => s.slot.InUse > 0)
            .ThenBy(s => s.slot.Address is not null)
            .ThenBy(s => s.slot.State)
            .Select(s => (int?)s.at)
            .FirstOrDefault();
        return free ?? -1;
    }
}
