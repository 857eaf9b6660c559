using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <summary>Makes the servers of a running HAProxy those that are wanted.</summary>
internal sealed class ServerMoves(
    RuntimeApi api,
    IngressCounters counters,
    Adopted adopted,
    EventLog events,
    ILogger log
)
{
    /// <param name="shape">What is wanted; of what runs only the backends count that are in it.</param>
    /// <param name="slots">Of the worker.</param>
    /// <returns>Whether all was done, and whether there was anything to do.</returns>
    /// <exception cref="HaproxyException">It is gone, or silent.</exception>
    public async Task<(bool All, bool Any)> MakeAsync(
        int worker,
        IReadOnlyList<PublishedService> published,
        IngressShape shape,
        IReadOnlyList<ServerSlot> slots,
        CancellationToken ct
    )
    {
        var (all, any) = (true, false);
        Know(published, shape);
        foreach (var backend in shape.Backends)
        {
            // One that a refused shape has, and what runs has not.
            if (slots.Where(s => s.Backend == backend.Name).ToList() is not { Count: > 0 } mine)
                continue;
            var desired = DesiredServers.Of(
                published.First(s => s.Name == backend.Service),
                adopted.Trusts,
                backend.IsInside
            );
            foreach (var step in ServerPlanner.Between(desired, mine, backend.Port).Steps)
            {
                any = true;
                try
                {
                    await api.RunAsync(worker, step, ct);
                    log.Taken(step);
                }
                catch (HaproxyException e) when (e is { IsGone: false, IsSilent: false })
                {
                    log.StepFailed(step, e.Message);
                    all = false;
                }
            }
        }
        return (all, any);
    }

    /// <summary>
    /// What is under way is not cut off here: the stop that follows tells the application, which may know how to end a
    /// WebSocket in order, and what it leaves goes with its process.
    /// </summary>
    public void GiveUpOn(CutOff late)
    {
        log.CutOff(late.Server.Container, late.Count, late.Service.StopGrace);
        if (late.Count == 0)
            return;
        events.Append(
            new(
                EventSeverity.Warning,
                "ingress.cut-off",
                late.Service.Name,
                late.Server.Container,
                $"{late.Count} requests were under way for longer than its {late.Service.StopGrace.TotalSeconds:0.#} s.",
                $"Waits for them no longer: {late.Server.Leaving}."
            )
        );
    }

    /// <summary>Ends what goes on for too long through ways that are closed: their containers may run on.</summary>
    /// <exception cref="HaproxyException">It is gone, or silent.</exception>
    public async Task CutOffAsync(int worker, IReadOnlyList<ServerSlot> left, CancellationToken ct)
    {
        foreach (var slot in left)
        {
            var step = new RuntimeStep.End(slot.Backend, slot.Name);
            try
            {
                await api.RunAsync(worker, step, ct);
                log.Taken(step);
            }
            catch (HaproxyException e) when (e is { IsGone: false, IsSilent: false })
            {
                log.StepFailed(step, e.Message);
            }
        }
    }

    private void Know(IReadOnlyList<PublishedService> published, IngressShape shape) =>
        counters.Know(
            published
                .SelectMany(s => s.Servers.Select(c => (s.Name, Server: c)))
                .Where(s => s.Server.Address.Length > 0)
                .DistinctBy(s => s.Server.Address)
                .ToDictionary(s => s.Server.Address, s => new Occupant(s.Name, s.Server.ContainerId, s.Server.Role)),
            shape.Backends.ToDictionary(b => b.Name, b => b.Service)
        );
}
