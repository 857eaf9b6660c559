using Appliance.Agent.Storage;

namespace Appliance.Agent.Supervision;

/// <summary>What is missing of what a service needs, as "db to be healthy; db is starting".</summary>
/// <param name="ToStart">What its dependencies make it wait for; null when they are as they should be.</param>
/// <param name="ToBeWell">The same, or which of them is ill: a restart would not help; null: none is.</param>
internal sealed record Needs(string? ToStart, string? ToBeWell);

/// <summary>Decides for one replica of a service: its state, the sentence that explains it, and the next step.</summary>
/// <param name="needs">What is not as it should be of what it needs.</param>
/// <param name="turns">Whose turn it is to be exchanged.</param>
internal sealed class SlotPlanner(DesiredService service, Slot slot, Needs needs, Turns turns, PlanningInputs inputs)
{
    public const string IsBeingRestarted = " It is being restarted.";
    public const string GetsAnother = " It gets another container.";
    public const string IsLoadedAgain = " Its image is loaded again.";

    /// <summary>
    /// The reason on record of a run that the agent ended because the machine went down. Such a record has the start of
    /// that run as its last time, and as its next one when the agent was about to stop it.
    /// </summary>
    public const string MachineWentDown = "the machine went down";

    private readonly string name = slot.ContainerName(inputs.Desired.Project);
    private readonly List<ObservedContainer> held =
    [
        .. inputs.Observed.Containers.Where(c => c.Slot == slot && c.ForeignOwner is null),
    ];
    private readonly string? obstacle = needs.ToStart;
    private readonly Departures departures = new(service, inputs);
    private readonly RestartRecord? record = inputs.RestartOf(slot.ToString());
    private readonly StepFailure? failure = inputs.FailureOf(slot.ToString());
    private readonly Therapies therapies = new(service, slot, inputs);

    // Why what somebody asked for cannot be done.
    private string? denial;

    public SlotPlan Decide()
    {
        var current = held.Where(service.IsMadeAs)
            .OrderByDescending(c => c.IsUp)
            .ThenBy(c => c.CreatedAt)
            .FirstOrDefault();
        var plan =
            inputs.InFlight.GetValueOrDefault(slot.ToString()) is { } step ? UnderWay(step)
            : inputs.Stopped.GetValueOrDefault(service.Name) is { } wish ? Stopped(wish)
            : Still() is { } still ? still
            : current is null ? Absent()
            : current.State is RunState.Dead or RunState.Removing ? Broken(current)
            : Misplaced(current) is { } repair ? repair
            : current.IsUp ? Up(current)
            : Down(current);
        // While its step may not be taken again, the sentence says why it did not work.
        if (failure is not null && plan.Steps.Count > 0 && plan.State is not ServiceState.Running)
            plan = Later(failure.RetryAt, $"{plan.Explanation} That did not work: {failure.Error}.") with
            {
                Ailment = plan.Ailment,
            };
        var isHeld =
            inputs.IsHeld && !inputs.AskedRestarts.ContainsKey(slot) && !inputs.Stopped.ContainsKey(service.Name);
        if (isHeld && inputs.Hold is { } hold)
            plan = Held(plan, hold, current);
        var others = held.Where(c => c.Id != current?.Id).ToList();
        return plan with
        {
            Others = others,
            Container = current,
            Health = current is null ? HealthState.None : HealthOf(current).State,
            Leaving = isHeld ? plan.Leaving : departures.Leaving,
            WakeAt = isHeld ? null : Earlier(departures.Until, inputs.Flapping.GetValueOrDefault(slot)?.SteadyAt),
            Denial = denial,
        };
    }

    /// <summary>As it is found, and left so.</summary>
    private SlotPlan Held(SlotPlan plan, Hold hold, ObservedContainer? current)
    {
        var waitsForOthers =
            plan.Steps.Count == 0 && plan.NextAttempt is null && plan.State is not ServiceState.Pending;
        if (waitsForOthers || inputs.InFlight.ContainsKey(slot.ToString()))
            return plan;
        if (plan.State is ServiceState.Running)
            return plan with { Steps = [] };
        var isSick = current is { IsUp: true } && HealthOf(current).State is HealthState.Unhealthy;
        var (state, found) = current switch
        {
            null => (ServiceState.Failed, $"{name} is missing"),
            { IsUp: false } => (ServiceState.Failed, $"{name} {Words.End(current)}"),
            _ when isSick => (ServiceState.Unhealthy, $"{name} is unhealthy"),
            { State: RunState.Running } => (ServiceState.Running, $"{name} runs"),
            _ => (ServiceState.Failed, $"{name} is {current.State.ToString().ToLowerInvariant()}"),
        };
        var why = Words.Of(hold);
        return State(state, $"{Capital(found)}, and is left as it is: {why}.") with
        {
            Ailment = plan.Ailment,
            Refusal = $"{found}, and is left as it is: {why}",
        };
    }

    private SlotPlan UnderWay(Step step)
    {
        departures.Keep(step.EndsId, step.Found);
        return step switch
        {
            Step.Stop => State(ServiceState.Stopping, $"It is being stopped: {step.Found}."),
            Step.Remove => State(ServiceState.Pending, $"A container is being removed: {step.Found}."),
            _ => State(ServiceState.Starting, $"It is being put right: {step.Found}."),
        };
    }

    /// <summary>What uses data that is to be left as it is stops, after what depends on it.</summary>
    private SlotPlan? Still()
    {
        if (!service.MayUseStill && held.FirstOrDefault(c => c.IsUp && inputs.UsesStill(c)) is { } user)
        {
            if (Standstill.DependentOf(service, inputs) is { } dependent)
                return State(ServiceState.Stopping, $"It stops once {dependent} has, for {Standstill.Reason}.");
            return State(
                ServiceState.Stopping,
                $"It stops, for {Standstill.Reason}.",
                OnceLeft(
                    user,
                    new Step.Stop(user.Id, user.Name, user.StopGrace, Standstill.Reason) { Excuses = user.StartedAt }
                )
            );
        }
        return service.IsKeptStill
            ? State(ServiceState.KeptStill, $"It is kept stopped, for {Standstill.Reason}.")
            : null;
    }

    private SlotPlan Stopped(StopWish wish)
    {
        var by = wish.Reason.Length > 0 ? $"{wish.By} ({wish.Reason})" : wish.By;
        if (held.FirstOrDefault(c => c.IsUp) is { } up)
            return State(
                ServiceState.Stopping,
                $"Stopping, as {by} asked.",
                OnceLeft(up, new Step.Stop(up.Id, up.Name, service.StopGrace, $"{by} asked for it"))
            );
        return State(
            ServiceState.Stopped,
            $"Stopped by {by} at {Words.At(wish.Since)}; `appliancectl services start {service.Name}` starts it."
        );
    }

    private SlotPlan Absent()
    {
        // Who asks for a run gets one: a pass under way may have recorded the completion again after it was forgotten.
        if (
            !inputs.AskedRestarts.ContainsKey(slot)
            && inputs.CompletionOf(slot.ToString(), service.ConfigHash) is { } done
        )
            return Done(done);
        if (obstacle is not null)
            return State(ServiceState.Waiting, $"Waiting for {obstacle}.");
        if (Unprepared() is { } unprepared)
            return unprepared;
        if (failure is not null)
            return Later(failure.RetryAt, $"Its container could not be made: {failure.Error}.") with
            {
                Ailment = therapies.Ailing(Causes.OfRefusal(failure.Error), TimeSpan.Zero, failure.Error),
            };

        // Whatever holds the name keeps running until its successor is made.
        if (inputs.Observed.Containers.FirstOrDefault(c => c.Name == name) is { } holder)
        {
            if (Foreign(holder) is { } foreign)
                return foreign;
            if (turns.HasToWait(slot.Replica))
                return State(ServiceState.Pending, "It runs as it was, until it is its turn to be replaced.");
            var aside = $"{name}-old-{holder.ShortId[..6]}";
            var found = holder.Ours
                ? $"{name} was made for other settings of the service"
                : $"{name} is not the agent's container: its labels are missing";
            return State(
                ServiceState.Starting,
                $"It is being replaced: {found}.",
                new Step.Rename(holder.Id, name, aside, found)
            );
        }

        var again = held.Count == 0 && inputs.Seen.Contains(name);
        var why =
            held.Count > 0 ? $"{name} has to be replaced"
            : again ? $"{name} was gone"
            : $"{name} does not exist yet";
        var create = new Step.Create(service, name, again, why)
        {
            // With nobody who listens there a name would lead nowhere, or to somebody else.
            Reaches = inputs.Traffic.ListensInside
                ? [.. service.Reaches.Where(r => !inputs.Traffic.KeptFrom.Contains(r.Address))]
                : [],
        };
        // While a release is exchanged its gate judges, and each try is as the first.
        if (inputs.UnderWay is not null || held.Count > 0 || Refused() is not { } refusal)
            return State(ServiceState.Starting, "Its container is being made.", create);
        var failed = $"{name} could not be made: {refusal}";
        var next = therapies.For(
            null,
            Causes.OfRefusal(refusal),
            TimeSpan.Zero,
            tries => create with { TriesBefore = tries },
            failed,
            refusal
        );
        return next.DueAt > inputs.Now
            ? Later(next, $"Its container could not be made: {refusal}.")
            : Now(next, ServiceState.Starting, "Its container is being made.");
    }

    /// <summary>What the engine last said to the slot's step, whether it may be tried again or not.</summary>
    private string? Refused() => inputs.Failures.GetValueOrDefault(slot.ToString())?.Error;

    /// <summary>What another release left of the slot may still be at work, and has to end first.</summary>
    private SlotPlan Done(Completion done)
    {
        var leftovers = held.Select(old => new Step.Remove(
                old.Id,
                old.Name,
                old.StopGrace,
                $"{old.Name} was made for other settings of the service"
            ))
            .Take(1);
        return held.Any(c => c.IsUp)
            ? State(ServiceState.Pending, "What another release runs in its place is being removed.", leftovers)
            : State(
                ServiceState.Completed,
                $"Completed at {Words.At(done.At)} with exit code {done.ExitCode}.",
                leftovers
            );
    }

    /// <summary>What the container needs and the engine does not have yet.</summary>
    private SlotPlan? Unprepared()
    {
        // An engine knows an image before all of it is on the disk, which the step under way waits for.
        var image = $"image {inputs.Desired.Images[service.ImageId].Reference}";
        if (
            !inputs.Observed.Holds(service.ImageId)
            || inputs.InFlight.GetValueOrDefault(image) is Step.LoadImage or Step.ReloadImage
        )
            return Missing(image, "loaded");
        if (service.Attachments.Select(a => a.Network).FirstOrDefault(n => !inputs.IsReady(n)) is { } network)
            return NotReady(network);
        foreach (var volume in service.Volumes.Where(v => !inputs.Observed.Volumes.Contains(v)))
            return Missing($"volume {volume}", "made");
        return null;
    }

    private SlotPlan NotReady(string network) =>
        inputs.IsForeign(network)
            ? State(
                ServiceState.Failed,
                $"Network {network} was not made by the agent, which leaves it alone; remove it, or give the product another name."
            )
            : Missing($"network {network}", "made");

    private SlotPlan? Foreign(ObservedContainer holder) =>
        holder.ForeignOwner is { } owner
            ? State(
                ServiceState.Failed,
                $"The name {name} is taken by a container of {owner}, which the agent leaves alone; remove it, or give the product another name."
            )
            : null;

    /// <summary>What the container replaced, one at a time.</summary>
    private IEnumerable<Step> Leftovers(ObservedContainer current) =>
        departures.HasJoined(current)
            ? held.Where(c => c.Id != current.Id)
                .Take(1)
                .SelectMany(old =>
                    OnceLeft(old, new Step.Remove(old.Id, old.Name, old.StopGrace, $"{old.Name} has been replaced"))
                )
            : [];

    /// <summary>A step that ends a container, if that has no requests any more.</summary>
    private IEnumerable<Step> OnceLeft(ObservedContainer container, Step step) =>
        departures.HasLeft(container, step.Found) ? [step] : [];

    private SlotPlan Missing(string subject, string verb) =>
        inputs.FailureOf(subject) is { } f
            ? Later(f.RetryAt, $"Its {subject} could not be {verb}: {f.Error}.")
            : State(ServiceState.Pending, $"Its {subject} is being {verb}.");

    private SlotPlan Broken(ObservedContainer current) =>
        current.State is RunState.Removing
            ? State(ServiceState.Pending, "The engine is removing its container.")
            : State(
                ServiceState.Pending,
                "The engine could not remove its container; it is removed and made anew.",
                new Step.Remove(current.Id, current.Name, TimeSpan.Zero, $"{current.Name} is dead")
            );

    /// <summary>What is put right without touching the process.</summary>
    private SlotPlan? Misplaced(ObservedContainer current)
    {
        if (current.Name != name)
        {
            var holder = inputs.Observed.Containers.FirstOrDefault(c => c.Name == name);
            if (holder is not null && Foreign(holder) is { } foreign)
                return foreign;
            var rename = holder is null
                ? new Step.Rename(current.Id, current.Name, name, $"{name} had been renamed to {current.Name}")
                : new Step.Rename(
                    holder.Id,
                    name,
                    $"{name}-old-{holder.ShortId[..6]}",
                    $"another container, {holder.ShortId}, holds the name {name}"
                );
            return State(ServiceState.Starting, $"It is given back its name: {rename.Found}.", rename);
        }

        if (current.EngineRestartPolicy is not ("" or "no"))
            return State(
                ServiceState.Starting,
                "Its restart policy is being put right.",
                new Step.TakeOverRestarts(
                    current.Id,
                    name,
                    $"{name} had the engine's restart policy {current.EngineRestartPolicy}"
                )
            );

        foreach (var attachment in service.Attachments)
        {
            if (!inputs.IsReady(attachment.Network))
                return current.IsUp ? null : NotReady(attachment.Network);
            var network = inputs.Observed.Networks[attachment.Network];
            if (!current.Networks.TryGetValue(attachment.Network, out var on) || (on.Length > 0 && on != network.Id))
                return State(
                    ServiceState.Starting,
                    $"It is being connected to {attachment.Network}.",
                    new Step.Connect(
                        current.Id,
                        name,
                        attachment,
                        on,
                        $"{name} was not connected to {attachment.Network}"
                    )
                );
        }

        return null;
    }

    private SlotPlan Up(ObservedContainer current)
    {
        if (
            inputs.AskedRestarts.GetValueOrDefault(slot) is { } asked
            && !turns.HasToWait(slot.Replica)
            && !Denied(current)
        )
            return inputs.AskedAnew.Contains(slot)
                ? State(
                    ServiceState.Starting,
                    $"It gets another container: {asked}.",
                    OnceLeft(current, new Step.Recreate(current.Id, name, service.StopGrace, Asked: true, 0, asked))
                )
                : State(
                    ServiceState.Starting,
                    $"It is being restarted: {asked}.",
                    OnceLeft(current, new Step.Restart(current.Id, name, service.StopGrace, Asked: true, 0, asked))
                );
        if (current.State is RunState.Paused)
            return State(
                ServiceState.Starting,
                "It had been paused.",
                new Step.Unpause(current.Id, name, $"{name} was paused")
            );

        var (health, output) = HealthOf(current);
        if (health is HealthState.Unhealthy)
            return Unhealthy(current, output);
        if (health is HealthState.Starting)
            return State(
                ServiceState.Starting,
                $"Running since {Words.At(current.StartedAt ?? inputs.Now)}, and not proven healthy yet."
                    + (output.Length > 0 ? $" The last check said: {Words.Brief(output)}" : "")
            );

        if (health is HealthState.Unready)
            return State(
                ServiceState.Unready,
                "Running, and not ready for requests" + (output.Length > 0 ? $": {Words.Brief(output)}." : ".")
            );

        if (health is HealthState.Flapping && inputs.Flapping[slot] is var flap)
            return State(
                ServiceState.Unready,
                $"Running and healthy, and not relied on: it changed between healthy and unhealthy {Words.Times(flap.Changes)}"
                    + $" within {flap.Within.TotalMinutes:0.#} min. It gets requests if it stays healthy until {Words.At(flap.SteadyAt)}."
            );

        if (Unjoined(current) is { } network)
            return State(ServiceState.Starting, $"Running, and not on {network} yet, which is being made.");

        var since = Words.At(current.StartedAt ?? inputs.Now);
        // Proven: what it replaced may go.
        return State(
            ServiceState.Running,
            health is HealthState.Healthy ? $"Running and healthy since {since}." : $"Running since {since}.",
            Leftovers(current)
        );
    }

    /// <summary>A network of ours that is yet to be made as the release wants it, or that it is not on.</summary>
    private string? Unjoined(ObservedContainer current) =>
        service
            .Attachments.Select(a => a.Network)
            .FirstOrDefault(n => !inputs.IsForeign(n) && (!inputs.IsReady(n) || !current.Networks.ContainsKey(n)));

    /// <summary>Whether somebody asked for another container where one would lose data.</summary>
    private bool Denied(ObservedContainer current)
    {
        if (inputs.AskedAnew.Contains(slot))
            denial = Therapies.WhyKept(current);
        return denial is not null;
    }

    private SlotPlan Unhealthy(ObservedContainer current, string output)
    {
        var said = output.Length > 0 ? $": {Words.Brief(output)}" : "";
        if (needs.ToBeWell is { } sick)
            return State(ServiceState.Unhealthy, $"Unhealthy{said}. It is not restarted, because it needs {sick}.");

        // A service that takes minutes to fail would otherwise look new each time.
        var ranFor = inputs.Now - (current.StartedAt ?? inputs.Now);
        var found = $"{name} was unhealthy{said}";
        var next = therapies.For(
            current,
            Refused() is { } refusal && Causes.OfRefusal(refusal) is Cause.Stuck ? Cause.Stuck
                // Whatever its checks say each time, it is one trouble.
                : inputs.Flapping.ContainsKey(slot) ? Cause.Flapping
                : Causes.OfCheck(output),
            ranFor / 10,
            tries => new Step.Restart(current.Id, name, service.StopGrace, Asked: false, tries, found),
            found,
            output
        );
        if (next.DueAt is { } due && due > inputs.Now)
        {
            var so = next.Rung is Rung.Restart ? "the next restart" : next.InWords;
            return State(
                ServiceState.Unhealthy,
                $"Unhealthy{said}.{next.Note} Restarted {Words.Times(record!.Count)} already; {so} is at {Words.At(due)}."
            ) with
            {
                NextAttempt = due,
                Ailment = next.Ailment,
                Refusal = next.Refusal,
            };
        }
        return Now(next, ServiceState.Unhealthy, $"Unhealthy{said}.{next.Note}{Announce(next.Rung)}");
    }

    private static string Announce(Rung rung) =>
        rung switch
        {
            Rung.Restart => IsBeingRestarted,
            Rung.Recreate => GetsAnother,
            _ => IsLoadedAgain,
        };

    private SlotPlan Down(ObservedContainer current)
    {
        var ended = $"{name} {Words.End(current)}";
        if (inputs.AskedRestarts.GetValueOrDefault(slot) is { } asked && !Denied(current))
            return obstacle is not null ? State(ServiceState.Waiting, $"Waiting for {obstacle}.")
                : inputs.AskedAnew.Contains(slot)
                    ? State(
                        ServiceState.Starting,
                        $"It gets another container: {asked}.",
                        new Step.Recreate(current.Id, name, service.StopGrace, Asked: true, 0, asked)
                    )
                : Start(current, asked);

        var withMachine = EndedWithMachine(current);
        if (
            current.State is RunState.Exited
            && current.EverStarted
            && service.Restart is not RestartRule.Always
            && !withMachine
        )
        {
            if (current.ExitCode == 0 && current.Error.Length == 0)
                return State(
                    ServiceState.Completed,
                    $"Completed at {Words.At(current.FinishedAt ?? inputs.Now)} with exit code 0.",
                    Leftovers(current)
                ) with
                {
                    Completed = new Completion(
                        slot.ToString(),
                        service.ConfigHash,
                        current.FinishedAt ?? inputs.Now,
                        0
                    ),
                };
            if (service.Restart is RestartRule.Never)
                return State(
                    ServiceState.Failed,
                    $"{Capital(Words.End(current))} at {Words.At(current.FinishedAt ?? inputs.Now)}, and `restart: no` says"
                        + $" to leave it; `appliancectl services restart {service.Name}` tries it again."
                );
        }

        if (obstacle is not null)
            return State(
                ServiceState.Waiting,
                current.EverStarted
                    ? $"{Capital(Words.End(current))}; it waits for {obstacle}."
                    : $"Waiting for {obstacle}."
            );
        if (failure is not null)
            return Later(failure.RetryAt, $"It could not be started: {failure.Error}.") with
            {
                Ailment = therapies.Ailing(Causes.OfRefusal(failure.Error), RanFor(current), failure.Error),
            };
        // While a release is exchanged its gate judges, and each try of a new container is as the first.
        if (!current.EverStarted && (current.Error.Length == 0 || inputs.UnderWay is not null))
            return Start(current, $"{name} had not been started yet");
        if (withMachine)
            return Start(
                current,
                record is { LastReason: Standstill.Reason }
                    ? $"{name} had been stopped: {Standstill.Reason}"
                    : $"{name} ended when {MachineWentDown}",
                forgives: true
            );

        var next = therapies.For(
            current,
            current.OomKilled ? Cause.OutOfMemory
                : current.Error.Length > 0 ? Causes.OfRefusal(current.Error)
                : Cause.Ended,
            RanFor(current),
            tries => new Step.Start(current.Id, name, Again: true, tries, ended),
            ended,
            current.Error
        );
        if (next.DueAt > inputs.Now)
            return Later(next, $"{Capital(Words.End(current))}, {Words.Times(next.Ailment.Tries + 1)} in a row.");
        return next.Step is Step.Start
            ? Start(current, ended, next)
            : Now(next, ServiceState.Starting, $"{Capital(Words.End(current))}.{Announce(next.Rung)}");
    }

    /// <summary>How long its last try ran: not at all, when the engine would not start it.</summary>
    private TimeSpan RanFor(ObservedContainer current) =>
        current.Error.Length > 0 && record?.LastAt > current.FinishedAt ? TimeSpan.Zero : current.RanFor;

    /// <summary>Nobody's fault: neither how it ended nor the tries before it count.</summary>
    private bool EndedWithMachine(ObservedContainer current)
    {
        if (current is not { State: RunState.Exited, StartedAt: { } started })
            return false;
        var isService = service.Restart is RestartRule.Always;
        // A clock that is put right makes an old run look as if it had been before the boot: what is done stays done.
        if (!isService && inputs.CompletionOf(slot.ToString(), service.ConfigHash) is not null)
            return false;
        // After a power cut the engine knows no end of a run: it says when it looked, or nothing, and makes up a code. A
        // one-shot that has an end before it was to be stopped, or before the boot, came to it by itself.
        var end = current.FinishedAt is { } at && at > started ? at : DateTimeOffset.MaxValue;
        if (IsExcused(started) && (isService || end >= record!.NextAt))
            return true;
        return started < inputs.BootedAt && (isService || end >= inputs.BootedAt);
    }

    /// <summary>By the run itself, not by the time: the clock may be put back, and the next run is another one.</summary>
    // The ledger keeps milliseconds.
    private bool IsExcused(DateTimeOffset started) =>
        record is { LastReason: MachineWentDown or Standstill.Reason }
        && record.LastAt.ToUnixTimeMilliseconds() == started.ToUnixTimeMilliseconds();

    /// <param name="next">For a start that repairs, what decided it; null for one that is wanted.</param>
    private SlotPlan Start(ObservedContainer current, string found, Therapy? next = null, bool forgives = false)
    {
        var start = next?.Step ?? new Step.Start(current.Id, name, false, 0, found) { Forgives = forgives };
        return State(
            ServiceState.Starting,
            next is not null ? $"It is being started again: {found}." : "It is being started.",
            // The one it replaces keeps its ports until this instant.
            held.FirstOrDefault(c => c.Id != current.Id && c.IsUp)
                is { } old
            && !CanRunBeside(old)
                ? OnceLeft(old, new Step.Switch(old.Id, current.Id, name, old.StopGrace, found))
                : [start]
        ) with
        {
            Ailment = next?.Ailment,
            Refusal = next?.Refusal,
        };
    }

    /// <summary>The release says so, and yet a predecessor may hold what it did not think of.</summary>
    private bool CanRunBeside(ObservedContainer predecessor) =>
        service.Exchange.StartFirst && !service.CannotRunBeside(predecessor);

    private static DateTimeOffset? Earlier(DateTimeOffset? a, DateTimeOffset? b) => a is null || b < a ? b ?? a : a;

    private (HealthState State, string Output) HealthOf(ObservedContainer container) =>
        Asked(container) is { State: HealthState.Healthy } && inputs.Flapping.ContainsKey(slot)
            ? (HealthState.Flapping, "")
            : Asked(container);

    private (HealthState State, string Output) Asked(ObservedContainer container)
    {
        if (!container.IsUp)
            return (HealthState.None, "");
        var probed =
            inputs.Verdicts.GetValueOrDefault(container.Id) is { } v && v.IsOf(container.StartedAt, service.Probes)
                ? (v.State, v.Output)
                : (State: service.Probes.Count > 0 ? HealthState.Starting : HealthState.None, Output: "");
        var checkedByEngine = (State: container.Health, Output: container.HealthOutput);
        foreach (
            var state in (HealthState[])
                [HealthState.Unhealthy, HealthState.Starting, HealthState.Unready, HealthState.Healthy]
        )
        {
            if (checkedByEngine.State == state)
                return checkedByEngine;
            if (probed.State == state)
                return probed;
        }

        return (HealthState.None, "");
    }

    private SlotPlan Later(DateTimeOffset at, string why) =>
        State(ServiceState.BackingOff, $"{why} The next try is at {Words.At(at)}.") with
        {
            NextAttempt = at,
        };

    /// <summary>What is next has to wait.</summary>
    private SlotPlan Later(Therapy next, string why) =>
        State(
            ServiceState.BackingOff,
            $"{why}{next.Note} {Capital(next.InWords)} is at {Words.At(next.DueAt ?? inputs.Now)}."
        ) with
        {
            NextAttempt = next.DueAt,
            Ailment = next.Ailment,
            Refusal = next.Refusal,
        };

    /// <summary>What is next is done.</summary>
    private SlotPlan Now(Therapy next, ServiceState state, string explanation) =>
        State(state, explanation, next.Step) with
        {
            Ailment = next.Ailment,
            Refusal = next.Refusal,
        };

    private SlotPlan State(ServiceState state, string explanation, params IEnumerable<Step> steps) =>
        new(slot, state, explanation) { Steps = [.. steps.Select(s => s with { Slot = slot })] };

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
