namespace Appliance.Agent.Ingress;

/// <summary>Those of HAProxy's workers that end what was under way before a reload, from it until each has ended.</summary>
internal sealed class OldWorkers(IngressCounters counters, TimeProvider clock) : IDisposable
{
    // A connection that is closed in time, and a moment later.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookOften = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LookSeldom = TimeSpan.FromSeconds(30);

    private readonly Dictionary<int, Retired> retired = [];

    /// <param name="longestIdle">For how long a client may have been silent, by what it runs.</param>
    /// <param name="hold">Keeps it from ending until it was asked for its last count; null: nothing does.</param>
    public void Retire(int worker, long since, TimeSpan longestIdle, IDisposable? hold)
    {
        LetGo(worker);
        retired[worker] = new Retired(since, longestIdle) { Hold = hold };
    }

    /// <summary>Asks each for what it still has.</summary>
    /// <param name="longestIdle">Of those that somebody else retired.</param>
    /// <param name="isNew">Whether all counts that one has counted which is looked at for the first time.</param>
    /// <exception cref="HaproxyException">One does not answer, and never has.</exception>
    public async Task<IReadOnlyList<OldWorker>> LookAsync(
        Workers workers,
        TimeSpan longestIdle,
        bool isNew,
        CancellationToken ct
    )
    {
        foreach (var gone in retired.Keys.Except(workers.Old).ToList())
        {
            LetGo(gone);
            retired.Remove(gone);
        }
        var old = new List<OldWorker>();
        foreach (var pid in workers.Old)
        {
            retired.TryAdd(pid, new Retired(clock.GetTimestamp(), longestIdle));
            var one = retired[pid];
            try
            {
                one.Rows = await counters.LookAsync(pid, isNew, ct);
                // Nobody is connected any more, so that it counts nothing more.
                if (one.Rows.Where(r => r.IsFrontend).All(r => r.Current == 0))
                    LetGo(pid);
            }
            catch (HaproxyException e) when (e.IsGone)
            {
                // It has ended, and so has everything of it.
                continue;
            }
            catch (HaproxyException e) when (e.IsSilent && one.Rows is not null)
            {
                // It has what it had, as far as anybody knows.
            }
            // What was idle when it retired is closed after this time; what is idle later has asked, and was answered.
            var mayBeAsked =
                clock.GetElapsedTime(one.Since) < one.LongestIdle + Margin
                && one.Rows.Any(r => r is { IsFrontend: true, IsHttp: true, HasIdleClients: true });
            old.Add(new OldWorker(pid, one.Rows, mayBeAsked));
        }
        counters.Forget(workers);
        return old;
    }

    /// <summary>Most have ended within moments; what lasts for hours needs no haste.</summary>
    /// <returns>How long until they are to be looked at again; null: they need not be.</returns>
    public TimeSpan? NextLook(IReadOnlyList<OldWorker> old) =>
        old.Any(o => o.MayBeAsked || clock.GetElapsedTime(retired[o.Pid].Since) < Soon) ? LookOften
        : retired.Values.Any(r => r.Hold is not null) ? LookSeldom
        : null;

    public void Dispose()
    {
        foreach (var worker in retired.Keys)
            LetGo(worker);
    }

    private void LetGo(int worker)
    {
        if (!retired.TryGetValue(worker, out var one))
            return;
        one.Hold?.Dispose();
        one.Hold = null;
    }

    /// <param name="Since">When the reload was asked for.</param>
    private sealed record Retired(long Since, TimeSpan LongestIdle)
    {
        public IDisposable? Hold { get; set; }

        /// <summary>What it told last; null: nothing yet.</summary>
        public IReadOnlyList<StatRow>? Rows { get; set; }
    }
}
