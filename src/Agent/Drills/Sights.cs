using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Drills;

/// <summary>What is seen of a disaster while it lasts.</summary>
/// <param name="seen">The newest event before what comes of it.</param>
/// <param name="injectedAt">On the clock's timestamps.</param>
internal sealed class Sight(Disaster disaster, Target target, long seen, long injectedAt)
{
    public Disaster Disaster { get; } = disaster;
    public Target Target { get; } = target;
    public long InjectedAt { get; } = injectedAt;
    public long Seen { get; set; } = seen;
    public TimeSpan? Detected { get; set; }
    public string DetectedBy { get; set; } = "";
}

/// <summary>Watches what the agent notices of a disaster, and when all is well again.</summary>
internal sealed class Sights(ISupervisor supervisor, EventLog events, Wellness wellness, TimeProvider clock)
{
    private const int EventsAtATime = 100;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);

    /// <summary>Lets it last for as long as it is to.</summary>
    public async Task LastAsync(Sight sight, Expectation expected, CancellationToken over, CancellationToken ct)
    {
        var limit = expected.Course switch
        {
            Course.HeldFor => expected.Hold,
            Course.HeldUntilNoticed => expected.DetectWithin ?? expected.Hold,
            _ => TimeSpan.Zero,
        };
        while (clock.GetElapsedTime(sight.InjectedAt) < limit && !over.IsCancellationRequested)
        {
            Look(sight);
            if (expected.Course is Course.HeldUntilNoticed && sight.Detected is not null)
                return;
            await Task.Delay(Between, clock, ct);
        }
    }

    /// <summary>Waits until it was noticed, and recovered from, or both are too late.</summary>
    public async Task<Sighting> SeeAsync(
        Sight sight,
        Expectation expected,
        long from,
        OpenDoor asking,
        CancellationToken over,
        CancellationToken ct
    )
    {
        TimeSpan? wellAfter = null;
        var notWell = "";
        while (clock.GetElapsedTime(from) <= expected.RecoverWithin && !over.IsCancellationRequested)
        {
            Look(sight);
            var mustNotice = expected.DetectWithin is not null && sight.Detected is null;
            if (mustNotice && clock.GetElapsedTime(sight.InjectedAt) > expected.DetectWithin)
                break;
            notWell = mustNotice ? "it was not noticed" : wellness.WhyNot() ?? "";
            if (notWell.Length > 0)
                wellAfter = null;
            else
                wellAfter ??= clock.GetElapsedTime(from);
            if (wellAfter is { } well)
            {
                if (asking.Asking?.Tally is not { } tally)
                    return new Sighting(sight.Detected, sight.DetectedBy, well, "");
                if (tally.AnsweredSince is { } since && clock.GetElapsedTime(since) >= OpenDoor.Steadily)
                {
                    var answered = since > from ? clock.GetElapsedTime(from, since) : TimeSpan.Zero;
                    return new Sighting(sight.Detected, sight.DetectedBy, answered > well ? answered : well, "");
                }
                notWell = "requests are not answered";
            }
            await Task.Delay(Between, clock, ct);
        }
        return new Sighting(sight.Detected, sight.DetectedBy, null, notWell);
    }

    private void Look(Sight sight)
    {
        foreach (var e in events.After(sight.Seen, EventsAtATime, service: null))
        {
            sight.Seen = e.Id;
            if (!e.Kind.StartsWith("drill.", StringComparison.Ordinal) && sight.Disaster.IsToldBy(e, sight.Target))
                Notice($"{e.Found.TrimEnd('.')}");
        }
        if (sight.Detected is null && sight.Disaster.NoticedIn(supervisor.View, sight.Target) is { } said)
            Notice(said);

        void Notice(string by)
        {
            if (sight.Detected is not null)
                return;
            (sight.Detected, sight.DetectedBy) = (clock.GetElapsedTime(sight.InjectedAt), by);
        }
    }
}
