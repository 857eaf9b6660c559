using Appliance.Agent.Supervision;

namespace Appliance.Agent.Ingress;

/// <param name="Requests">That came for the service; connections, for a port where requests are not told apart.</param>
/// <param name="Failed">Of those, answered with an error 5xx, whoever it is from, or broken off by a container.</param>
internal sealed record ServiceTotals(string Service, long Requests, long Failed);

/// <param name="Requests">That were sent to the container, and have ended.</param>
/// <param name="Failed">Of those, answered with an error 5xx by it, not answered, or broken off.</param>
/// <param name="ResponseTime">Until its answers begin, over about the last thousand; null: it has given none.</param>
internal sealed record ServerTotals(
    string Service,
    string ContainerId,
    ServerRole Role,
    long Requests,
    long Failed,
    TimeSpan? ResponseTime
);

/// <summary>What went through ingress since the agent started. Numbers only grow.</summary>
/// <param name="IsFresh">False: HAProxy could not be asked now, and they are as they were last.</param>
internal sealed record IngressTotals(
    bool IsFresh,
    IReadOnlyList<ServiceTotals> Services,
    IReadOnlyList<ServerTotals> Servers
)
{
    public static IngressTotals None { get; } = new(false, [], []);

    public ServiceTotals Service(string name) => Services.FirstOrDefault(s => s.Service == name) ?? new(name, 0, 0);
}

/// <summary>Who is behind an address, or was last.</summary>
internal sealed record Occupant(string Service, string ContainerId, ServerRole Role);

/// <summary>
/// Makes totals of what each of HAProxy's processes counts for itself, from its start, by place. A worker that was replaced
/// is kept until it was looked at to the last; what one that was killed has counted since the look before is lost.
/// </summary>
internal sealed class IngressCounters(RuntimeApi api) : IDisposable
{
    private const int DepartedKept = 256;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim turn = new(1);
    private readonly Dictionary<(int Worker, string Proxy, string Name), (long Requests, long Failed)> seen = [];
    private readonly Dictionary<string, (long Requests, long Failed)> services = [];
    private readonly Dictionary<string, ServerTotals> servers = [];
    private readonly Queue<string> arrivals = new();
    private bool attached;
    private Dictionary<string, Occupant> occupants = [];
    private Dictionary<string, string> serviceOf = [];

    /// <summary>As of the last look.</summary>
    public IngressTotals Last { get; private set; } = IngressTotals.None;

    /// <summary>Asks HAProxy for what it has counted up to now.</summary>
    public async Task<IngressTotals> ReadAsync(CancellationToken ct)
    {
        try
        {
            var workers = await api.WorkersAsync(ct);
            if (workers.Current is not { } current)
                return Last with { IsFresh = false };
            foreach (var old in workers.Old)
                await TryLookAsync(old, ct);
            await LookAsync(current, isNew: null, ct);
            return Last;
        }
        catch (HaproxyException)
        {
            return Last with { IsFresh = false };
        }
    }

    /// <summary>
    /// Asks one of HAProxy's workers, and takes what it says. One after the other: an answer that is taken after a later one
    /// counts less than that, as another process with the same pid would, and all of it would be added once more.
    /// </summary>
    /// <param name="isNew">See <see cref="Take"/>; null: as it is if anything was taken before.</param>
    /// <exception cref="HaproxyException"/>
    internal async Task<IReadOnlyList<StatRow>> LookAsync(int worker, bool? isNew, CancellationToken ct)
    {
        await turn.WaitAsync(ct);
        try
        {
            var rows = await api.StatAsync(worker, ct);
            Take(worker, rows, isNew ?? attached);
            return rows;
        }
        finally
        {
            turn.Release();
        }
    }

    public void Dispose() => turn.Dispose();

    /// <summary>Says who is where from now on. What was counted until now has been taken before.</summary>
    /// <param name="byAddress">Containers; who is not there any more stays until another has the address.</param>
    /// <param name="byBackend">The services of the backends.</param>
    internal void Know(IReadOnlyDictionary<string, Occupant> byAddress, IReadOnlyDictionary<string, string> byBackend)
    {
        lock (gate)
        {
            var known = new Dictionary<string, Occupant>(occupants);
            foreach (var (address, occupant) in byAddress)
                known[address] = occupant;
            foreach (var gone in known.Keys.Except(byAddress.Keys).SkipLast(DepartedKept).ToList())
                known.Remove(gone);
            occupants = known;
            var backends = new Dictionary<string, string>(serviceOf);
            foreach (var (backend, service) in byBackend)
                backends[backend] = service;
            serviceOf = backends;
        }
    }

    /// <summary>Adds what a worker has counted since it was looked at before.</summary>
    /// <param name="isNew">Whether all of it counts if it is looked at for the first time: else it was before our time.</param>
    internal IngressTotals Take(int worker, IReadOnlyList<StatRow> rows, bool isNew)
    {
        lock (gate)
        {
            attached = true;
            foreach (var row in rows.Where(r => !r.IsFrontend))
            {
                var now = row.IsBackend ? OfBackend(row) : OfServer(row);
                var key = (worker, row.Proxy, row.Name);
                // A pid that counts less than before is another process.
                var before = !seen.TryGetValue(key, out var known)
                    ? isNew
                        ? (0, 0)
                        : now
                    : now.Requests < known.Requests
                        ? (0, 0)
                        : known;
                seen[key] = now;
                var (requests, failed) = (now.Requests - before.Requests, Math.Max(0, now.Failed - before.Failed));
                if (!serviceOf.TryGetValue(row.Proxy, out var service))
                    continue;
                if (row.IsBackend)
                {
                    var total = services.GetValueOrDefault(service);
                    services[service] = (total.Requests + requests, total.Failed + failed);
                }
                else if (row.Address is { } address && occupants.TryGetValue(address, out var occupant))
                {
                    AddTo(occupant with { Service = service }, requests, failed, row.ResponseTime);
                }
            }
            return Last = new IngressTotals(
                true,
                [.. services.Select(s => new ServiceTotals(s.Key, s.Value.Requests, s.Value.Failed))],
                [.. servers.Values]
            );
        }
    }

    /// <summary>Forgets what ended workers had counted last: their totals stay.</summary>
    internal void Forget(Workers workers)
    {
        lock (gate)
        {
            foreach (var key in seen.Keys.Where(k => k.Worker != workers.Current && !workers.Old.Contains(k.Worker)))
                seen.Remove(key);
        }
    }

    private void AddTo(Occupant occupant, long requests, long failed, TimeSpan responseTime)
    {
        if (!servers.TryGetValue(occupant.ContainerId, out var before))
        {
            before = new(occupant.Service, occupant.ContainerId, occupant.Role, 0, 0, null);
            arrivals.Enqueue(occupant.ContainerId);
            if (arrivals.Count > DepartedKept)
                servers.Remove(arrivals.Dequeue());
        }
        servers[occupant.ContainerId] = before with
        {
            Role = occupant.Role,
            Requests = before.Requests + requests,
            Failed = before.Failed + failed,
            ResponseTime = requests > 0 ? responseTime : before.ResponseTime,
        };
    }

    // What HAProxy answers for itself, as when nobody is ready or an answer broke off in its head, is a 5xx here.
    private static (long Requests, long Failed) OfBackend(StatRow row) =>
        row.Requests is { } requests
            ? (requests, row.ServerErrors + row.ServerAborts)
            : (row.Sessions, row.ConnectionErrors + row.ServerAborts);

    // A server is counted no 5xx that HAProxy answered for it.
    private static (long Requests, long Failed) OfServer(StatRow row)
    {
        var unanswered = row.ConnectionErrors + row.ResponseErrors;
        return row.Requests is { } answered
            ? (
                answered + unanswered,
                row.ServerErrors + row.ConnectionErrors + Math.Max(row.ResponseErrors, row.ServerAborts)
            )
            : (
                Math.Max(0, row.Sessions - row.Retries - row.Redispatches),
                row.ConnectionErrors + Math.Max(row.ResponseErrors, row.ServerAborts)
            );
    }

    private async Task TryLookAsync(int worker, CancellationToken ct)
    {
        try
        {
            await LookAsync(worker, isNew: null, ct);
        }
        // It has ended.
        catch (HaproxyException) { }
    }
}
