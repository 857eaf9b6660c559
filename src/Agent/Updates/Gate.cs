using Appliance.Agent.Content;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Updates;

/// <summary>Why a release is not fit to stay.</summary>
internal sealed record Unfit(string Service, string Reason);

/// <summary>
/// Waits for services to prove themselves, and says why they do not. Waiting is for a state of the service as the new
/// release has it: what was known of the one before proves nothing.
/// </summary>
internal sealed class Gate(
    ISupervisor supervisor,
    EventLog events,
    TrafficWatch traffic,
    IOptionsMonitor<UpdatesOptions> options,
    TimeProvider clock
)
{
    private static readonly TimeSpan BetweenAsking = TimeSpan.FromSeconds(1);

    // A timer takes no more than 49 days, and a release may ask for more.
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private static readonly TimeSpan MostGrace = TimeSpan.FromDays(1);

    /// <summary>Nobody is watched yet.</summary>
    /// <param name="renewed">Services that have new containers.</param>
    public Complaints NewComplaints(IReadOnlySet<string> renewed) =>
        new(events, traffic, options.CurrentValue.Attempts, renewed);

    /// <summary>Waits until a service is as wanted and well.</summary>
    /// <param name="complaints">About this service and all that are to stay well meanwhile.</param>
    /// <returns>Null when it is; otherwise why not.</returns>
    public async Task<Unfit?> PassAsync(Candidate candidate, Complaints complaints, CancellationToken ct)
    {
        var patience = options.CurrentValue.StartTimeout;
        var itself = new Allowance(
            candidate.Within(patience),
            candidate.Limit is null ? "was not healthy" : "had not completed"
        );
        // What it waits for had time of its own, at its own gate: this is for what fell ill since.
        var others = new Allowance(patience, "could not start");
        while (true)
        {
            var view = supervisor.View;
            var seen = view.Service(candidate.Service);
            if (await complaints.FirstAsync(ct) is { } unfit)
                return unfit;
            if (IsWell(seen, candidate))
                return null;
            // Nothing of what an engine that is away does counts against the release.
            var spent =
                !view.Engine.Reachable ? null
                : seen?.State is ServiceState.Waiting ? others
                : itself;
            if (spent is { Left.Ticks: <= 0 })
                return new Unfit(
                    candidate.Service,
                    $"{candidate.Service} {spent.Failing} within {spent.Total.TotalSeconds:0} s: {seen?.Explanation}"
                );
            var from = clock.GetTimestamp();
            await WaitForChangeAsync(view, Least(spent?.Left, complaints.NextLook), ct);
            spent?.Spend(clock.GetElapsedTime(from));
        }
    }

    /// <summary>Watches services that are well, for as long as they have to stay so.</summary>
    /// <param name="released">They are watched until this completes, however long it takes.</param>
    /// <param name="complaints">About all of them.</param>
    public async Task<Unfit?> StayAsync(
        IReadOnlyList<Candidate> candidates,
        TimeSpan period,
        Task released,
        Complaints complaints,
        CancellationToken ct
    )
    {
        var watched = TimeSpan.Zero;
        while (true)
        {
            var view = supervisor.View;
            if (await complaints.FirstAsync(ct) is { } unfit)
                return unfit;
            foreach (var candidate in candidates)
            {
                if (view.Engine.Reachable && view.Service(candidate.Service) is { } seen && HasFallen(seen, candidate))
                    return new Unfit(seen.Name, $"{seen.Name} did not stay healthy: {seen.Explanation}");
            }
            if (watched >= period && released.IsCompleted)
            {
                await released;
                return null;
            }
            var from = clock.GetTimestamp();
            await WaitForChangeAsync(
                view,
                Least(view.Engine.Reachable && watched < period ? period - watched : null, complaints.NextLook),
                ct,
                watched < period ? null : released
            );
            if (view.Engine.Reachable)
                watched += clock.GetElapsedTime(from);
        }
    }

    /// <summary>Waits until the container of a service that is tried is well, or there is nothing to try.</summary>
    /// <param name="candidate">Its hash is that of what is tried.</param>
    /// <param name="complaints">About all that are to stay well meanwhile.</param>
    /// <returns>Null when it is; otherwise why not.</returns>
    public async Task<Unfit?> TriedAsync(Candidate candidate, Complaints complaints, CancellationToken ct)
    {
        var patience = new Allowance(options.CurrentValue.StartTimeout + candidate.StartPeriod, "was not healthy");
        while (true)
        {
            var view = supervisor.View;
            var seen = view.Service(candidate.Service)?.Canary;
            if (await HasFailedTrialAsync(candidate, complaints, ct) is { } unfit)
                return unfit;
            if (Trial.MomentOf(view, candidate, isSeen: true) is Trial.Moment.Counts or Trial.Moment.Stopped)
                return null;
            if (patience.Left <= TimeSpan.Zero)
                return new Unfit(
                    candidate.Service,
                    $"the new {candidate.Service} was not healthy within {patience.Total.TotalSeconds:0} s: {seen?.Explanation}"
                );
            var from = clock.GetTimestamp();
            await WaitForChangeAsync(view, view.Engine.Reachable ? patience.Left : Timeout.InfiniteTimeSpan, ct);
            if (view.Engine.Reachable)
                patience.Spend(clock.GetElapsedTime(from));
        }
    }

    /// <returns>Why what is tried is not fit, by its own state; null: nothing speaks against it.</returns>
    public async Task<Unfit?> HasFailedTrialAsync(Candidate candidate, Complaints complaints, CancellationToken ct)
    {
        if (await complaints.FirstAsync(ct) is { } unfit)
            return unfit;
        var view = supervisor.View;
        return
            view.Engine.Reachable
            && view.Service(candidate.Service)?.Canary is { } seen
            && seen.ConfigHash == candidate.ConfigHash
            && seen.State is ServiceState.Unhealthy or ServiceState.Failed or ServiceState.BackingOff
            ? new Unfit(candidate.Service, $"the new {candidate.Service} is not well: {seen.Explanation}")
            : null;
    }

    /// <summary>Those that are not well; waits until each has shown whether it is, no longer than one may take to start.</summary>
    public async Task<IReadOnlyList<ServiceView>> AilingAsync(
        IReadOnlyCollection<string> services,
        CancellationToken ct
    )
    {
        var left = options.CurrentValue.StartTimeout;
        while (true)
        {
            var view = supervisor.View;
            var seen = view.Services.Where(s => services.Contains(s.Name)).ToList();
            var isDecided = view.Engine.Reachable && !seen.Any(IsOnItsWay);
            if (isDecided || left <= TimeSpan.Zero)
                return [.. seen.Where(s => !IsWell(s))];
            var from = clock.GetTimestamp();
            await WaitForChangeAsync(view, view.Engine.Reachable ? left : Timeout.InfiniteTimeSpan, ct);
            if (view.Engine.Reachable)
                left -= clock.GetElapsedTime(from);
        }
    }

    /// <summary>Waits until the engine answers; not at all busily when it is back already.</summary>
    public async Task EngineAsync(CancellationToken ct)
    {
        await Task.Delay(BetweenAsking, clock, ct);
        while (supervisor.View is { Engine.Reachable: false } view)
            await WaitForChangeAsync(view, Timeout.InfiniteTimeSpan, ct);
    }

    /// <summary>Waits until nothing uses what nobody may use, and nobody from outside gets through.</summary>
    /// <param name="running">What has to stop.</param>
    /// <returns>Null: so it is. Otherwise why not, in the time that all may take.</returns>
    public async Task<string?> StillAsync(Release running, CancellationToken ct)
    {
        // One after the other, at worst.
        var graces = running.Model.Services.Values.Sum(s => s.StopGracePeriod.TotalSeconds);
        var left =
            options.CurrentValue.StartTimeout + TimeSpan.FromSeconds(2 * Math.Min(graces, MostGrace.TotalSeconds));
        while (supervisor.View is var view && !(view.Engine.Reachable && view.IsStill))
        {
            if (left <= TimeSpan.Zero)
                return $"not all has stopped that uses the data: {Busy(view)}";
            var from = clock.GetTimestamp();
            await WaitForChangeAsync(view, view.Engine.Reachable ? left : Timeout.InfiniteTimeSpan, ct);
            if (view.Engine.Reachable)
                left -= clock.GetElapsedTime(from);
        }
        return null;
    }

    private static string Busy(SupervisionView view) =>
        view.Services.Where(s => s.State is ServiceState.Stopping).Select(s => $"{s.Name}: {s.Explanation}") is var busy
        && busy.Any()
            ? string.Join(" ", busy)
            : "requests from outside are under way";

    /// <summary>Waits until nothing is left that the release does not have; no longer than a service may take to start.</summary>
    public async Task TidyAsync(CancellationToken ct)
    {
        var began = clock.GetTimestamp();
        while (supervisor.View is { IsTidy: false } view)
        {
            var left = options.CurrentValue.StartTimeout - clock.GetElapsedTime(began);
            if (left <= TimeSpan.Zero)
                return;
            await WaitForChangeAsync(view, left, ct);
        }
    }

    private static bool IsWell(ServiceView? seen, Candidate candidate) =>
        seen is not null && seen.ConfigHash == candidate.ConfigHash && IsWell(seen);

    private static bool IsWell(ServiceView seen) =>
        seen.State is ServiceState.Completed or ServiceState.Stopped
        || (seen.State is ServiceState.Running && !seen.IsMeantToEnd);

    private static bool IsOnItsWay(ServiceView seen) =>
        seen.State is ServiceState.Pending or ServiceState.Starting or ServiceState.Stopping;

    private static bool HasFallen(ServiceView seen, Candidate candidate) =>
        seen.ConfigHash == candidate.ConfigHash
        && seen.State is ServiceState.Unhealthy or ServiceState.Failed or ServiceState.BackingOff;

    private static TimeSpan Least(TimeSpan? a, TimeSpan? b) =>
        a is null || b < a ? b ?? Timeout.InfiniteTimeSpan : a.Value;

    private sealed class Allowance(TimeSpan total, string failing)
    {
        private TimeSpan spent;

        public TimeSpan Total { get; } = total;

        /// <summary>What has not happened when it is used up.</summary>
        public string Failing => failing;

        public TimeSpan Left => Total - spent;

        public void Spend(TimeSpan time) => spent += time;
    }

    private async Task WaitForChangeAsync(
        SupervisionView seen,
        TimeSpan atMost,
        CancellationToken ct,
        Task? orUntil = null
    )
    {
        using var enough = new CancellationTokenSource(
            atMost < TimeSpan.Zero || atMost > LongestWait ? LongestWait : atMost,
            clock
        );
        using var either = CancellationTokenSource.CreateLinkedTokenSource(enough.Token, ct);
        var change = supervisor.WaitForChangeAsync(seen, either.Token);
        await (orUntil is null ? change : Task.WhenAny(change, orUntil)).ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing
        );
        ct.ThrowIfCancellationRequested();
    }
}
