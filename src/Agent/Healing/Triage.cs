using System.Globalization;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Healing;

/// <summary>All that decides what is done for the appliance as a whole.</summary>
/// <param name="Problems">What ails the machine, and since when.</param>
/// <param name="PortHolders">Containers of this engine that publish a port, by the port.</param>
/// <param name="UnderWay">The change of release that is under way; null: none is.</param>
/// <param name="Impossible">Why this machine does not have a remedy.</param>
/// <param name="CanWrite">Whether what is spent can be written down.</param>
internal sealed record Situation(
    SupervisionView View,
    IReadOnlyList<(MachineProblem Problem, DateTimeOffset Since)> Problems,
    IReadOnlyDictionary<int, string> PortHolders,
    Hold? Hold,
    string? UnderWay,
    bool HasPrevious,
    IReadOnlyList<RungRecord> Spent,
    IReadOnlyDictionary<Remedy, string> Impossible,
    bool CanWrite,
    HealingOptions Options,
    DateTimeOffset BootedAt,
    DateTimeOffset Now
)
{
    /// <summary>The drill that is under way, which is to see what is healed, and beside which no release is changed; null: none is.</summary>
    public string? Drill { get; init; }
}

/// <summary>Something that no repair of a container cures.</summary>
/// <param name="Cause">As in the ledger: another cause has budgets of its own.</param>
/// <param name="Scope">The release or the part that it is about; "" for the appliance.</param>
/// <param name="Remedies">What may cure it, the least first.</param>
/// <param name="DueAt">Until then it may be over by itself.</param>
/// <param name="Services">Those that suffer from it; empty: all.</param>
internal sealed record Trouble(
    string Cause,
    string Scope,
    IReadOnlyList<Remedy> Remedies,
    DateTimeOffset DueAt,
    string Found,
    IReadOnlyList<string> Services
);

/// <summary>A remedy that is next, and is not taken.</summary>
internal sealed record RemedyRefusal(Trouble Trouble, Remedy Remedy, string Why);

/// <param name="Act">The remedy to take now; null: none.</param>
/// <param name="WakeAt">When time alone changes what is to be done; null: it does not.</param>
internal sealed record Ruling(
    (Trouble Trouble, Remedy Remedy)? Act,
    IReadOnlyList<Trouble> Troubles,
    IReadOnlyList<RemedyRefusal> Refusals,
    DateTimeOffset? WakeAt
);

/// <summary>From what is wrong and what was done about it to what is done next for the appliance as a whole. Pure.</summary>
internal static class Triage
{
    /// <summary>The cause of which no note can be written.</summary>
    public const string ReadOnlyDisk = "disk-read-only";

    // A start of an engine may take that long, on a machine that has just been booted and on one that is busy.
    private static readonly TimeSpan EngineNeeds = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan ReadOnlyPatience = TimeSpan.FromMinutes(5);

    // A port that is given up in this moment is no stale one.
    private const int TriesBeforeBooksAreDoubted = 3;
    private const int TriesBeforeStuck = 2;

    // An engine that was restarted so often for something is not what is wrong.
    private const int RestartsBeforeReboot = 2;

    public static Budget BudgetOf(Remedy remedy, HealingOptions options) =>
        remedy switch
        {
            Remedy.PreviousRelease => new(TimeSpan.FromDays(1), TimeSpan.FromDays(30), TimeSpan.FromDays(60)),
            Remedy.RestartEngine => new(TimeSpan.FromMinutes(5), TimeSpan.FromHours(6), TimeSpan.FromDays(1)),
            _ => new(options.RebootEvery, options.RebootEvery * 7, options.RebootEvery * 30),
        };

    public static Ruling Rule(Situation s)
    {
        var troubles = TroublesOf(s).ToList();
        var refusals = new List<RemedyRefusal>();
        var wakes = new List<DateTimeOffset?> { s.Hold?.Until };
        (Trouble, Remedy)? act = null;
        foreach (var trouble in troubles)
        {
            if (trouble.DueAt > s.Now)
            {
                wakes.Add(trouble.DueAt);
                continue;
            }
            // The furthest that it has come to; what cannot be had leaves what is below it, at its pace.
            foreach (var remedy in trouble.Remedies.Where(r => IsReached(r, trouble, s)).Reverse())
            {
                if (WhyNot(remedy, trouble, s) is { } why)
                {
                    refusals.Add(new RemedyRefusal(trouble, remedy, why));
                    continue;
                }
                if (NotBefore(remedy, trouble, s) is { } later)
                {
                    wakes.Add(later);
                    continue;
                }
                act ??= (trouble, remedy);
                break;
            }
        }
        return new Ruling(act, troubles, refusals, wakes.Where(w => w > s.Now).Min());
    }

    private static IEnumerable<Trouble> TroublesOf(Situation s)
    {
        if (!s.View.Engine.Reachable)
            yield return EngineAway(s);
        foreach (var (problem, since) in s.Problems.Where(p => p.Problem.Cause is Cause.DiskReadOnly))
            yield return new Trouble(ReadOnlyDisk, "", [Remedy.Reboot], since + ReadOnlyPatience, problem.Sentence, []);
        var ailing = s.View.Services.SelectMany(v => v.Ailments.Select(a => (v.Name, Ailment: a))).ToList();
        var stale = ailing.Where(a =>
            a.Ailment.Cause is Cause.EngineBooks && a.Ailment.Tries >= TriesBeforeBooksAreDoubted
        );
        foreach (var (service, ailment) in stale.Take(1))
            yield return new Trouble(
                "engine-books",
                "",
                [Remedy.RestartEngine],
                DateTimeOffset.MinValue,
                $"the engine does not start {service}: {ailment.Error}",
                [service]
            );
        var stuck = ailing.Where(a => a.Ailment.Cause is Cause.Stuck && a.Ailment.Tries >= TriesBeforeStuck);
        foreach (var (service, ailment) in stuck.Take(1))
            yield return new Trouble(
                "process-stuck",
                "",
                [Remedy.RestartEngine, Remedy.Reboot],
                DateTimeOffset.MinValue,
                $"the engine cannot end {service}: {ailment.Error}",
                [service]
            );
        var beyond = ailing.Where(a => a.Ailment.IsPastRepair).Select(a => a.Name).Distinct().ToList();
        if (beyond.Count > 0 && s.View.Release is { } release)
            yield return new Trouble(
                "release-ill",
                release.Digest,
                [Remedy.PreviousRelease],
                DateTimeOffset.MinValue,
                $"{string.Join(", ", beyond)} of {release.Product} {release.Version} cannot be made well",
                beyond
            );
    }

    private static Trouble EngineAway(Situation s)
    {
        var engine = s.View.Engine;
        // One that is not there is being started, or was stopped by a hand: longer than for one that hangs.
        var patience = engine.Hangs ? s.Options.EnginePatience : s.Options.EnginePatience * 5;
        var due = engine.Since + patience;
        var booted = s.BootedAt + EngineNeeds;
        return new Trouble(
            engine.Hangs ? "engine-hangs" : "engine-away",
            "",
            [Remedy.RestartEngine, Remedy.Reboot],
            due > booted ? due : booted,
            engine.Hangs ? $"the engine hangs: {engine.Error}" : $"the engine is away: {engine.Error}",
            []
        );
    }

    /// <summary>Whether what is below it was done, as often as it may help, and did not.</summary>
    private static bool IsReached(Remedy remedy, Trouble trouble, Situation s) =>
        remedy is not Remedy.Reboot
        || !trouble.Remedies.Contains(Remedy.RestartEngine)
        || BudgetOf(Remedy.RestartEngine, s.Options).Spent(RecordOf(Remedy.RestartEngine, trouble, s), s.Now)
            >= RestartsBeforeReboot;

    private static string? WhyNot(Remedy remedy, Trouble trouble, Situation s) =>
        s.Hold is { } hold ? Words.Of(hold)
        : s.UnderWay is { } operation ? $"{operation} is under way"
        : WhyNever(remedy, s) is { } never ? never
        : remedy switch
        {
            Remedy.PreviousRelease => WhyNoReturn(s),
            Remedy.RestartEngine => WhyNoEngine(trouble, s),
            _ => null,
        };

    private static string? WhyNever(Remedy remedy, Situation s) =>
        remedy is Remedy.Reboot && !s.Options.MayReboot ? "healing.may-reboot is off"
        : remedy is Remedy.RestartEngine && !s.Options.MayRestartEngine ? "healing.may-restart-engine is off"
        : s.Impossible.GetValueOrDefault(remedy);

    private static string? WhyNoReturn(Situation s) =>
        s.View.Release is not { MayFallBack: true } ? "the release does not allow it (x-appliance.fall-back)"
        : !s.HasPrevious ? "there is no release to go back to"
        : s.Drill is { } drill ? $"{drill} is under way"
        : s.Problems.Count > 0 ? $"that does not cure it: {s.Problems[0].Problem.Sentence}"
        : null;

    private static string? WhyNoEngine(Trouble trouble, Situation s)
    {
        if (trouble.Cause != "engine-books")
            return null;
        if (!s.View.Engine.LiveRestore)
            return "that would end all containers: the engine runs without live-restore";
        return Causes.BookedPortIn(trouble.Found) is { } port && s.PortHolders.TryGetValue(port, out var holder)
            ? $"port {port.ToString(CultureInfo.InvariantCulture)} is published by {holder}"
            : null;
    }

    private static DateTimeOffset? NotBefore(Remedy remedy, Trouble trouble, Situation s)
    {
        var own = Budget.NotBefore(RecordOf(remedy, trouble, s), s.Now);
        // Whatever the cause was: where one hung, one that is being started is away.
        if (remedy is Remedy.RestartEngine)
            return Latest(s.Now, own, LastAt(remedy, s) + EngineNeeds);
        if (remedy is not Remedy.Reboot)
            return own;
        // For whatever cause, one is not soon after another: neither after one of ours, nor after any boot. One that cannot be
        // written down is remembered by the boot alone.
        var peace = s.BootedAt + (s.CanWrite ? s.Options.RebootNotWithin : s.Options.RebootEvery);
        return Latest(s.Now, own, LastAt(remedy, s) + s.Options.RebootEvery / 4, peace);
    }

    private static DateTimeOffset? LastAt(Remedy remedy, Situation s) =>
        s.Spent.Where(r => r.Rung == remedy.Name()).Select(r => (DateTimeOffset?)r.LastAt).Max();

    private static DateTimeOffset? Latest(DateTimeOffset now, params ReadOnlySpan<DateTimeOffset?> limits)
    {
        DateTimeOffset? latest = null;
        foreach (var limit in limits)
        {
            if (limit > now && (latest is null || limit > latest))
                latest = limit;
        }
        return latest;
    }

    private static RungRecord? RecordOf(Remedy remedy, Trouble trouble, Situation s) =>
        s.Spent.FirstOrDefault(r => (r.Rung, r.Scope, r.Cause) == (remedy.Name(), trouble.Scope, trouble.Cause));
}
