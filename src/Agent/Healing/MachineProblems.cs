using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Healing;

/// <summary>
/// What ails the machine, as its watches tell. Told as an event when it comes and when it goes, and to supervision, which
/// does not repair what it does not cure.
/// </summary>
internal sealed class MachineProblems(
    ISupervisor supervisor,
    EventLog events,
    IOptionsMonitor<HealingOptions> options,
    TimeProvider clock
)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, (MachineProblem Problem, DateTimeOffset Since)> standing = [];
    private TaskCompletionSource changed = NewSignal();

    /// <summary>The worst first.</summary>
    public IReadOnlyList<(MachineProblem Problem, DateTimeOffset Since)> Standing
    {
        get
        {
            lock (gate)
                return [.. standing.Values.OrderBy(s => Rank(s.Problem.Cause)).ThenBy(s => s.Since)];
        }
    }

    /// <summary>Completes with the next change.</summary>
    public Task Changed => Volatile.Read(ref changed).Task;

    /// <summary>What is known to be wrong with one thing; null: nothing.</summary>
    public MachineProblem? Of(string subject)
    {
        lock (gate)
            return standing.TryGetValue(subject, out var known) ? known.Problem : null;
    }

    /// <summary>Says how it is with one thing.</summary>
    /// <param name="subject">What is watched.</param>
    /// <param name="problem">
    /// Null: nothing is wrong with it. One of the same cause as before keeps its sentence: figures that go up and down are no
    /// news.
    /// </param>
    public void Set(string subject, MachineProblem? problem)
    {
        lock (gate)
        {
            var before = standing.TryGetValue(subject, out var known) ? known.Problem : null;
            if (before?.Cause == problem?.Cause)
                return;
            if (problem is null)
            {
                standing.Remove(subject);
                Tell(
                    EventSeverity.Info,
                    "machine.recovered",
                    $"it is over: {before!.Sentence}",
                    "heals at the usual pace again"
                );
            }
            else
            {
                standing[subject] = (problem, clock.GetUtcNow());
                Tell(
                    EventSeverity.Error,
                    "machine.problem",
                    problem.Sentence,
                    "heals at the slowest pace what a restart does not cure, until it is over"
                );
            }
        }
        Report();
        Interlocked.Exchange(ref changed, NewSignal()).SetResult();
    }

    /// <summary>Tells supervision how to heal, and that it may have to look again.</summary>
    public void Report() =>
        supervisor.Report(new Care(options.CurrentValue.Ladder, [.. Standing.Select(s => s.Problem)]));

    private void Tell(EventSeverity severity, string kind, string found, string done) =>
        events.Append(new(severity, kind, null, null, found, done));

    private static int Rank(Cause cause) =>
        cause switch
        {
            Cause.DiskReadOnly => 0,
            Cause.DiskFull => 1,
            _ => 2,
        };

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
