using Appliance.Agent.Storage;

namespace Appliance.Agent.Supervision;

/// <summary>What is next for a replica that is not well, and when.</summary>
/// <param name="Rung">What it is.</param>
/// <param name="Step">How it is done.</param>
/// <param name="DueAt">Not before; null: at once.</param>
/// <param name="Note">What people should know beside it: sentences, each after a blank.</param>
/// <param name="Refusal">What would have been next, and why it is not done; null: nothing is held back.</param>
internal sealed record Therapy(
    Rung Rung,
    Step Step,
    DateTimeOffset? DueAt,
    string Note,
    string? Refusal,
    Ailment Ailment
)
{
    public string InWords =>
        Rung switch
        {
            Rung.Restart => "the next try",
            Rung.Recreate => "the next try, with another container,",
            _ => "the next try, with its image loaded again,",
        };
}

/// <summary>
/// Decides what is done for a replica that is not well: the ladder's next rung, as far as it can be taken here. Pure.
/// </summary>
internal sealed class Therapies(DesiredService service, Slot slot, PlanningInputs inputs)
{
    private readonly string name = slot.ContainerName(inputs.Desired.Project);
    private readonly RestartRecord? record = inputs.RestartOf(slot.ToString());

    private Ladder Ladder => inputs.Care.Ladder;

    /// <param name="current">Its container; null when the engine does not make one.</param>
    /// <param name="own">What is wrong with it, as it looks.</param>
    /// <param name="ranFor">How long its last try went well.</param>
    /// <param name="again">The same once more, for so many tries before it.</param>
    /// <param name="found">What was found, in a sentence.</param>
    /// <param name="error">What the engine or the check said.</param>
    public Therapy For(
        ObservedContainer? current,
        Cause own,
        TimeSpan ranFor,
        Func<int, Step> again,
        string found,
        string error
    )
    {
        var ailment = Ailing(own, ranFor, error);
        var (cause, tries) = (ailment.Cause, ailment.Tries);
        var (rung, refusal) = Possible(ailment, current);
        var step = rung switch
        {
            Rung.ReloadImage => new Step.ReloadImage(
                inputs.Desired.Images[service.ImageId],
                name,
                [.. OfSameImage()],
                [.. PlacesOfSameImage()],
                tries,
                found
            ),
            Rung.Recreate when current is not null => new Step.Recreate(
                current.Id,
                name,
                service.StopGrace,
                Asked: false,
                tries,
                found
            ),
            _ => again(tries),
        };
        var note = "";
        if (cause.IsOfMachine() && tries > 0)
        {
            var problem = inputs.Care.Problems[0].Sentence;
            refusal = $"{name} is not tried again at the usual pace, which would not cure it: {problem}";
            note = $" A restart does not cure it: {problem}.";
        }
        else if (ailment.IsPastRepair)
        {
            note = " All that can be done for a container has been done; a person should look.";
        }
        return new Therapy(rung, step with { Cause = cause }, DueAt(tries, cause), note, refusal, ailment);
    }

    public Ailment Ailing(Cause own, TimeSpan ranFor, string error)
    {
        // What the engine itself holds up is no better for what else ails the machine.
        var cause = inputs.Care.Problems is [var worst, ..] && !own.IsOfEngine() ? worst.Cause : own;
        var tries = inputs.Backoff.StreakAfter(record, ranFor, cause);
        return new Ailment(
            slot,
            cause,
            tries,
            Ladder.After(tries, cause, MayReload(cause)),
            Ladder.IsPast(tries, cause),
            error
        );
    }

    /// <summary>Why its container may not be replaced by another; null: it may.</summary>
    public static string? WhyKept(ObservedContainer? container) =>
        container?.HasUnnamedVolume == true
            ? $"{container.Name} keeps data in a volume without a name, which another container would not have"
            : null;

    /// <summary>The rung that is next, or what is done as long as that cannot be.</summary>
    private (Rung Rung, string? Refusal) Possible(Ailment ailment, ObservedContainer? current)
    {
        string? refusal = null;
        var rung = ailment.Next;
        while (rung > Rung.Restart && WhyNot(rung, current) is { } why)
        {
            refusal ??= $"{Words.Of(rung)} was next for {name}, and is not done: {why}";
            rung =
                rung is Rung.ReloadImage ? Ladder.After(ailment.Tries, ailment.Cause, mayReload: false) : Rung.Restart;
        }
        return (rung, refusal);
    }

    private bool MayReload(Cause cause)
    {
        var what = Step.ReloadImage.BudgetOf(service.ImageId, cause);
        var reloaded = inputs.Spent.FirstOrDefault(r => (r.Rung, r.Scope, r.Cause) == what);
        // One that a clock which was put back has left in the future is put right by whoever looks after the ledger.
        return Budget.NotBefore(reloaded, inputs.Now) is null;
    }

    private string? WhyNot(Rung rung, ObservedContainer? current) =>
        inputs.UnderWay is { } operation ? $"{operation} is under way"
        : WhyKept(current) is { } kept ? kept
        : inputs.Observed.Containers.Any(c => c.Slot == slot && c.Id != current?.Id) ? "it is being exchanged"
        : rung is Rung.ReloadImage
            ? OfSameImage().Where(c => c.Id != current?.Id).Select(WhyInUse).FirstOrDefault(w => w is not null)
        : null;

    private IEnumerable<ObservedContainer> OfSameImage() =>
        inputs.Observed.Containers.Where(c => c.ImageId == service.ImageId);

    private IEnumerable<Slot> PlacesOfSameImage()
    {
        foreach (var user in inputs.Desired.Services)
        {
            if (user.ImageId == service.ImageId)
            {
                foreach (var replica in Enumerable.Range(1, user.Replicas))
                    yield return new Slot(user.Name, replica);
            }
            if (user.Canary?.ImageId == service.ImageId)
                yield return user.CanarySlot;
        }
    }

    /// <summary>Why an image stays because of another container that was made from it; null: that one may go too.</summary>
    private string? WhyInUse(ObservedContainer other)
    {
        if (other is not { Ours: true, Slot: { } place } || inputs.Desired.Service(place.Service) is not { } owner)
            return $"{other.Name}, which the release does not have, was made from the same image";
        if (other.IsUp && !IsSick(other) && !IsOnTrial(other, place))
            return $"{other.Name} runs from the same image";
        if (WhyKept(other) is { } kept)
            return kept;
        // Without its container nobody would know that it has run.
        return owner.Restart is RestartRule.Always || inputs.CompletionOf($"{place}", owner.ConfigHash) is not null
            ? null
            : $"{other.Name} was made from the same image, and would run again";
    }

    /// <summary>Whether it only runs because it was started again just now.</summary>
    private bool IsOnTrial(ObservedContainer container, Slot place) =>
        inputs.RestartOf($"{place}") is { Streak: > 0 }
        && container.StartedAt is { } started
        && inputs.Now - started < inputs.Backoff.Stable;

    private bool IsSick(ObservedContainer container) =>
        container.Health is HealthState.Unhealthy
        || inputs.Verdicts.GetValueOrDefault(container.Id) is { State: HealthState.Unhealthy } verdict
            && verdict.RunStartedAt == container.StartedAt;

    private DateTimeOffset? DueAt(int tries, Cause cause) =>
        // A clock that was set back would make it wait for a time that was never meant.
        tries == 0
        || record is null
        || record.LastAt > inputs.Now
            ? null
            : record.LastAt + inputs.Backoff.DelayAfter(tries, slot.ToString(), service.MaxFailures, cause);
}
