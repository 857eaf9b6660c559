using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Healing;

internal enum HealingAction
{
    /// <summary>Its containers run anew.</summary>
    Restart,

    /// <summary>It gets other containers.</summary>
    Recreate,

    /// <summary>It does its work once more.</summary>
    RunOneShot,

    /// <summary>The machine is rebooted; there is no target.</summary>
    Reboot,
}

/// <param name="Target">The service; "" for a reboot.</param>
/// <param name="By">Who asks, as in the audit record.</param>
/// <param name="Reason">Why; "" when nothing was said.</param>
internal sealed record HealingRequest(HealingAction Action, string Target, string By, string Reason)
{
    /// <summary>Whether a person asks for it now: that counts against no budget, and a hold is no reason against it.</summary>
    public bool IsPersonal { get; init; }
}

internal abstract record HealingOutcome
{
    /// <param name="Sentence">What was done, without a full stop.</param>
    internal sealed record Done(string Sentence) : HealingOutcome;

    /// <param name="Why">A sentence without its full stop.</param>
    internal sealed record Refused(string Why) : HealingOutcome;
}

/// <summary>
/// Decides for everybody who wants something done for the health of this appliance, and does it: so there are never two at
/// one thing, and each action and each refusal is told with its reason.
/// </summary>
internal sealed class Arbiter(
    ISupervisor supervisor,
    IRemedies remedies,
    UpdateJournal journal,
    Holds holds,
    Wishes wishes,
    RungLedger ledger,
    EventLog events,
    MachineBoot boot,
    IOptionsMonitor<HealingOptions> options,
    TimeProvider clock
)
{
    private const string Machine = "";

    // What asks by itself asks again and again.
    private static readonly Budget Asked = new(TimeSpan.FromSeconds(30), TimeSpan.FromHours(1), TimeSpan.FromHours(6));

    private readonly Lock gate = new();
    private readonly Dictionary<string, string> busy = [];

    /// <summary>Does what is asked for, or says why not. Returns once it is done.</summary>
    public async Task<HealingOutcome> AskAsync(HealingRequest request, CancellationToken ct)
    {
        var outcome = await DecideAsync(request, ct);
        var asked = $"{request.By} asked for {InWords(request)}{Because(request.Reason)}";
        switch (outcome)
        {
            case HealingOutcome.Refused refused:
                Tell(EventSeverity.Warning, "healing.refused", request.Target, asked, $"did not do it: {refused.Why}");
                break;
            // A reboot was told before, while there was time.
            case HealingOutcome.Done done when request.Action is not HealingAction.Reboot:
                Tell(EventSeverity.Info, "healing.acted", request.Target, asked, done.Sentence);
                break;
        }
        return outcome;
    }

    /// <summary>Takes a remedy that the appliance needs. It is on record, and told, before it is begun.</summary>
    /// <returns>What it has to wait for, and was not spent on; null: it was begun, or is to be ruled on anew.</returns>
    internal async Task<string?> TakeAsync(Trouble trouble, Remedy remedy, CancellationToken ct)
    {
        if (!TryEnter(Machine, remedy.InWords(), out _))
            return null;
        var what = (Rung: remedy.Name(), trouble.Scope, trouble.Cause);
        var before = RecordOf(what);
        try
        {
            // What was begun since it was decided.
            if (
                journal.Running is not null
                || holds.Current is not null
                || !Spend(remedy, trouble.Scope, trouble.Cause, trouble.Found)
            )
                return null;
            // Only this one may find that something is in its way; it is an operation, which is on record by itself.
            var mayWait = remedy is Remedy.PreviousRelease;
            if (!mayWait)
                Act();
            await remedies.TakeAsync(remedy, trouble.Found, trouble.Services, ct);
            if (mayWait)
                Act();
        }
        catch (RemedyException e) when (e.IsTooEarly)
        {
            GiveBack(what, before);
            return e.Message;
        }
        catch (RemedyException e)
        {
            Tell(
                EventSeverity.Error,
                "healing.failed",
                null,
                trouble.Found,
                $"{remedy.InWords()} did not work: {e.Message}"
            );
        }
        finally
        {
            Leave(Machine);
        }
        return null;

        void Act() => Tell(EventSeverity.Warning, "healing.acted", null, trouble.Found, remedy.InWords());
    }

    private async Task<HealingOutcome> DecideAsync(HealingRequest request, CancellationToken ct)
    {
        if (!TryEnter(request.Target, $"{InWords(request)}, as {request.By} asked", out var with))
            return new HealingOutcome.Refused($"something is being done already: {with}");
        try
        {
            if (!request.IsPersonal && WhyNot(request) is { } why)
                return new HealingOutcome.Refused(why);
            if (request.Action is HealingAction.Reboot)
                return await RebootAsync(request, ct);
            if (request.Action is HealingAction.RunOneShot && WhyNotOnce(request.Target) is { } wrong)
                return new HealingOutcome.Refused(wrong);
            if (!request.IsPersonal && WhyNotYet(request) is { } early)
                return new HealingOutcome.Refused(early);
            return await DoAsync(request, ct);
        }
        catch (StorageException e)
        {
            return new HealingOutcome.Refused($"it could not be written down first: {e.Message}");
        }
        finally
        {
            Leave(request.Target);
        }
    }

    private async Task<HealingOutcome> DoAsync(HealingRequest request, CancellationToken ct)
    {
        var (target, by, reason) = (request.Target, request.By, request.Reason);
        var outcome =
            request.Action is HealingAction.Recreate
                ? await supervisor.RecreateAsync(target, by, reason, request.IsPersonal, ct)
                : await supervisor.RestartAsync(target, by, reason, request.IsPersonal, ct);
        return outcome switch
        {
            RestartOutcome.Restarted => new HealingOutcome.Done(
                request.Action switch
                {
                    HealingAction.Restart => $"restarted {target}",
                    HealingAction.Recreate => $"made other containers for {target}",
                    _ => $"started {target}",
                }
            ),
            RestartOutcome.NotRestarted not => new HealingOutcome.Refused(not.Why.TrimEnd('.')),
            _ => new HealingOutcome.Refused($"there is no service {target}"),
        };
    }

    private async Task<HealingOutcome> RebootAsync(HealingRequest request, CancellationToken ct)
    {
        if (remedies.WhyNot(Remedy.Reboot) is { } impossible)
            return new HealingOutcome.Refused(impossible);
        if (!request.IsPersonal && !options.CurrentValue.MayReboot)
            return new HealingOutcome.Refused("healing.may-reboot is off");
        var found = $"{request.By} asked for a reboot{Because(request.Reason)}";
        if (request.IsPersonal)
            Record(Remedy.Reboot, "", "asked", found);
        else if (RebootNotBefore() is { } later)
            return new HealingOutcome.Refused($"the machine is not rebooted before {Words.At(later)}");
        else if (!Spend(Remedy.Reboot, "", "asked", found))
            return new HealingOutcome.Refused("it could not be written down first");
        Tell(EventSeverity.Warning, "healing.acted", null, found, Remedy.Reboot.InWords());
        try
        {
            return new HealingOutcome.Done(await remedies.TakeAsync(Remedy.Reboot, found, [], ct));
        }
        catch (RemedyException e)
        {
            return new HealingOutcome.Refused(e.Message);
        }
    }

    /// <summary>What keeps everything from being done that is no person's wish.</summary>
    private string? WhyNot(HealingRequest request)
    {
        if (journal.Running is { } operation)
            return $"{operation.Name} is under way";
        if (holds.Current is { } hold)
            return Words.Of(hold);
        if (request.Action is HealingAction.Reboot)
            return null;
        if (supervisor.View.Service(request.Target) is null)
            return $"there is no service {request.Target}";
        return wishes.Of(request.Target) is { } wish ? $"{wish.By} wants {request.Target} stopped" : null;
    }

    private string? WhyNotOnce(string service)
    {
        if (supervisor.View.Service(service) is not { } view)
            return $"there is no service {service}";
        if (!view.IsOneShot)
            return $"{service} runs all the time, and not once";
        return view.Containers.Any(c => c.IsCurrent && c.State is "running" or "paused" or "restarting")
            ? $"{service} is at work already"
            : null;
    }

    /// <summary>Takes it from the budget of what asks by itself.</summary>
    private string? WhyNotYet(HealingRequest request)
    {
        var now = clock.GetUtcNow();
        var what = (Rung: Name(request.Action), Scope: request.Target, Cause: "asked");
        var record = RecordOf(what);
        if (record?.LastAt <= now && Budget.NotBefore(record, now) is { } later)
            return $"it was done {Words.Times(Asked.Spent(record, now))} of late, and is not done again before {Words.At(later)}";
        ledger.Put(Asked.Spend(record?.LastAt <= now ? record : null, what, now, request.Reason));
        return null;
    }

    private DateTimeOffset? RebootNotBefore()
    {
        var now = clock.GetUtcNow();
        return ledger
            .All.Where(r => r.Rung == Remedy.Reboot.Name() && r.LastAt <= now)
            .Select(r => r.Cause == "asked" ? r.NextAt : r.LastAt + options.CurrentValue.RebootEvery / 4)
            // Whoever it was that booted it.
            .Append(now - boot.Uptime + options.CurrentValue.RebootNotWithin)
            .Where(at => at > now)
            .Select(at => (DateTimeOffset?)at)
            .Max();
    }

    /// <returns>False: it cannot be written down, and is not to be done.</returns>
    private bool Spend(Remedy remedy, string scope, string cause, string found)
    {
        try
        {
            Record(remedy, scope, cause, found);
            return true;
        }
        // A reboot is on record by itself: the boot says when it was.
        catch (StorageException)
        {
            return remedy is Remedy.Reboot && cause == Triage.ReadOnlyDisk;
        }
    }

    private void Record(Remedy remedy, string scope, string cause, string found)
    {
        var what = (Rung: remedy.Name(), Scope: scope, Cause: cause);
        ledger.Put(Triage.BudgetOf(remedy, options.CurrentValue).Spend(RecordOf(what), what, clock.GetUtcNow(), found));
    }

    /// <summary>It was spent, and nothing was begun for it.</summary>
    private void GiveBack((string Rung, string Scope, string Cause) what, RungRecord? before)
    {
        try
        {
            if (before is null)
                ledger.Forget(what);
            else
                ledger.Put(before);
        }
        // It stays spent: that is one too few, and not one too many.
        catch (StorageException) { }
    }

    private RungRecord? RecordOf((string Rung, string Scope, string Cause) what) =>
        ledger.All.FirstOrDefault(r => (r.Rung, r.Scope, r.Cause) == what);

    private bool TryEnter(string target, string what, out string with)
    {
        lock (gate)
        {
            // Beside a reboot, or a restart of the engine, nothing that is asked for makes sense; those wait for nobody.
            if (busy.TryGetValue(target, out with!) || busy.TryGetValue(Machine, out with!))
                return false;
            busy[target] = what;
            return true;
        }
    }

    private void Leave(string target)
    {
        lock (gate)
            busy.Remove(target);
    }

    private void Tell(EventSeverity severity, string kind, string? service, string found, string done) =>
        events.Append(new(severity, kind, service is { Length: > 0 } ? service : null, null, found, done));

    private static string InWords(HealingRequest request) =>
        request.Action switch
        {
            HealingAction.Restart => $"a restart of {request.Target}",
            HealingAction.Recreate => $"other containers for {request.Target}",
            HealingAction.RunOneShot => $"a run of {request.Target}",
            _ => "a reboot",
        };

    private static string Name(HealingAction action) =>
        action switch
        {
            HealingAction.Restart => "restart",
            HealingAction.Recreate => "recreate",
            HealingAction.RunOneShot => "run-one-shot",
            _ => "reboot",
        };

    private static string Because(string reason) => reason.Length > 0 ? $" ({reason})" : "";
}
