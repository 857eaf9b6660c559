namespace Appliance.Agent.Supervision;

/// <summary>A restart, or a start, that somebody asked for.</summary>
/// <param name="Why">Who, and for what reason.</param>
/// <param name="Anew">Whether in another container; otherwise in the one that it has.</param>
/// <param name="IsPersonal">Whether a person did, who is heard during a hold and an update.</param>
internal sealed record AskedRestart(string Why, bool Anew, bool IsPersonal);

/// <summary>
/// Restarts and starts that were asked for, until the reconciler has answered them. None is left waiting: what cannot
/// be done now is answered with the reason, and is not done later behind the back of who asked.
/// </summary>
internal sealed class AskedRestarts
{
    private readonly Lock gate = new();
    private readonly Dictionary<Slot, Request> asked = [];

    /// <returns>Ends with null when the slot runs anew, else with the reason.</returns>
    public Task<string?> Ask(Slot slot, AskedRestart request)
    {
        lock (gate)
        {
            if (!asked.TryGetValue(slot, out var pending))
                pending = new(request, new(TaskCreationOptions.RunContinuationsAsynchronously));
            asked[slot] = pending with
            {
                Asked = pending.Asked with
                {
                    Anew = pending.Asked.Anew || request.Anew,
                    IsPersonal = pending.Asked.IsPersonal || request.IsPersonal,
                },
            };
            return pending.Answer.Task;
        }
    }

    /// <summary>Those for which another container is to be made.</summary>
    public IReadOnlySet<Slot> Anew
    {
        get
        {
            lock (gate)
                return asked.Where(a => a.Value.Asked.Anew).Select(a => a.Key).ToHashSet();
        }
    }

    /// <summary>The container that was to go is gone: what comes in its place is to be started.</summary>
    public void WantsStart(Slot slot)
    {
        lock (gate)
        {
            if (asked.TryGetValue(slot, out var request))
                asked[slot] = request with { Asked = request.Asked with { Anew = false } };
        }
    }

    /// <summary>Who asked, and why, by slot.</summary>
    public IReadOnlyDictionary<Slot, string> Pending
    {
        get
        {
            lock (gate)
                return asked.ToDictionary(a => a.Key, a => a.Value.Asked.Why);
        }
    }

    /// <summary>Who asked is gone: what was not begun for them is not done later.</summary>
    public void Withdraw(IEnumerable<Slot> slots)
    {
        foreach (var slot in slots)
            Answer(slot, "who asked for it did not wait");
    }

    /// <param name="problem">Null: it was done.</param>
    public void Answer(Slot slot, string? problem)
    {
        lock (gate)
        {
            if (asked.Remove(slot, out var request))
                request.Answer.TrySetResult(problem);
        }
    }

    public void AnswerAll(string problem)
    {
        foreach (var slot in Pending.Keys)
            Answer(slot, problem);
    }

    /// <summary>Something was begun beside which only a person is heard.</summary>
    /// <param name="inFlight">What is being done is answered when it is.</param>
    public void AnswerOthers(string problem, IReadOnlyDictionary<string, Step> inFlight)
    {
        IEnumerable<Slot> others;
        lock (gate)
            others =
            [
                .. asked
                    .Where(a => !a.Value.Asked.IsPersonal && !inFlight.ContainsKey(a.Key.ToString()))
                    .Select(a => a.Key),
            ];
        foreach (var slot in others)
            Answer(slot, problem);
    }

    /// <summary>Answers those that a plan shows to be held up by something else than their own steps.</summary>
    public void AnswerHeldUp(Plan plan, IReadOnlyDictionary<string, Step> inFlight)
    {
        var pending = Pending;
        foreach (var slot in plan.Services.SelectMany(s => s.Slots).Where(s => pending.ContainsKey(s.Slot)))
        {
            var heldUp =
                slot.State
                is ServiceState.Waiting
                    or ServiceState.Failed
                    or ServiceState.Stopped
                    or ServiceState.BackingOff
                    or ServiceState.Unhealthy;
            if (slot.Denial is { } denial)
                Answer(slot.Slot, denial);
            else if (heldUp && slot.Steps.Count == 0 && !inFlight.ContainsKey(slot.Slot.ToString()))
                Answer(slot.Slot, slot.Explanation);
        }
        foreach (var service in plan.Services)
            AnswerBehind(service.Slots, pending, inFlight);
    }

    /// <summary>Who waits for their turn behind a replica that was restarted, and did not get ready by it.</summary>
    private void AnswerBehind(
        IReadOnlyList<SlotPlan> slots,
        IReadOnlyDictionary<Slot, string> pending,
        IReadOnlyDictionary<string, Step> inFlight
    )
    {
        var first = slots.FirstOrDefault(s =>
            !pending.ContainsKey(s.Slot)
            && s.State
                is ServiceState.Unready
                    or ServiceState.Unhealthy
                    or ServiceState.BackingOff
                    or ServiceState.Failed
        );
        if (first is null)
            return;
        foreach (
            var slot in slots.Where(s =>
                pending.ContainsKey(s.Slot) && s.Steps.Count == 0 && !inFlight.ContainsKey(s.Slot.ToString())
            )
        )
            Answer(
                slot.Slot,
                $"Replica {first.Slot.Replica} was restarted before it, and is not well: {first.Explanation}"
            );
    }

    private sealed record Request(AskedRestart Asked, TaskCompletionSource<string?> Answer);
}
