using Appliance.Agent.Storage;

namespace Appliance.Agent.Updates;

/// <summary>An operation that ended well, and in one go.</summary>
/// <param name="Bytes">What the engine was sent; 0: nothing, or it is not known.</param>
internal sealed record PastOperation(IReadOnlyList<OperationStep> Steps, long Bytes);

/// <summary>How long things have taken on this machine. Pure.</summary>
/// <param name="BytesPerSecond">That the engine was loaded with; null: it never was.</param>
/// <param name="Exchanges">By service, from the first step of its exchange until it was well.</param>
internal sealed record Experience(double? BytesPerSecond, IReadOnlyDictionary<string, TimeSpan> Exchanges)
{
    public static Experience Of(IEnumerable<PastOperation> newestFirst)
    {
        double? rate = null;
        var exchanges = new Dictionary<string, TimeSpan>();
        foreach (var operation in newestFirst)
        {
            rate ??= RateOf(operation);
            foreach (var (service, length) in ExchangesOf(operation.Steps))
                exchanges.TryAdd(service, length);
        }
        return new Experience(rate, exchanges);
    }

    /// <summary>How long it took the last time; null: it was never exchanged.</summary>
    public TimeSpan? Of(string service) => Exchanges.TryGetValue(service, out var length) ? length : null;

    /// <param name="bytes">What the engine is to be sent.</param>
    /// <param name="services">Those that are exchanged; one that never was takes as long as the others in the middle.</param>
    /// <param name="known">What is waited for in any case.</param>
    /// <returns>Null: there is nothing to go by.</returns>
    public TimeSpan? DurationOf(long bytes, IReadOnlyCollection<string> services, TimeSpan known)
    {
        if ((bytes > 0 && BytesPerSecond is null) || (services.Count > 0 && Exchanges.Count == 0))
            return null;
        var loading = bytes > 0 ? bytes / BytesPerSecond!.Value : 0;
        var exchanging = services.Sum(s => (Of(s) ?? Middle).TotalSeconds);
        return TimeSpan.FromSeconds(Math.Ceiling(loading + exchanging + known.TotalSeconds));
    }

    private TimeSpan Middle => Exchanges.Values.Order().ElementAt(Exchanges.Count / 2);

    private static double? RateOf(PastOperation operation)
    {
        var begun = operation.Steps.FirstOrDefault(s => s is { Phase: Phase.Loading, Outcome: StepOutcome.Begun });
        var done = operation.Steps.FirstOrDefault(s => s is { Phase: Phase.Loaded, Outcome: StepOutcome.Done });
        // What was over in no time says nothing about what takes some.
        return operation.Bytes > 0 && done?.Time - begun?.Time is { TotalMilliseconds: >= 1 } took
            ? operation.Bytes / took.TotalSeconds
            : null;
    }

    // From the last beginning on: before it, it may have been tried beside the one before, or held.
    private static IEnumerable<(string Service, TimeSpan Length)> ExchangesOf(IReadOnlyList<OperationStep> steps) =>
        from own in steps.Where(s => s is { Phase: Phase.Switching, Service: not null }).GroupBy(s => s.Service!)
        let end = own.LastOrDefault(s => s.Outcome is StepOutcome.Done)
        let begin = own.LastOrDefault(s => s.Outcome is StepOutcome.Begun && s.Sequence < end?.Sequence)
        where begin is not null && end.Time >= begin.Time
        select (own.Key, end.Time - begin.Time);
}
