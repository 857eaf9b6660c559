namespace Appliance.Agent.Updates;

/// <summary>How far the present phase is. Only for people to watch: nothing is decided by it, and nothing stored.</summary>
internal sealed record Progress(long BytesDone, long BytesTotal, int ServicesDone, int ServicesTotal)
{
    public static Progress None { get; } = new(0, 0, 0, 0);

    /// <summary>Why nothing can be done, not even write down that; null: it goes on.</summary>
    public string? Waiting { get; init; }
}

/// <summary>The progress of the operation that runs, with a signal for watchers that comes no faster than they can read.</summary>
internal sealed class OperationProgress(TimeProvider clock)
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    private TaskCompletionSource changed = NewSignal();
    private Progress current = Progress.None;
    private Hindrance? waiting;
    private long lastSignal = clock.GetTimestamp();

    public Progress Current =>
        Volatile.Read(ref current) with
        {
            Waiting = Volatile.Read(ref waiting) is { Until.IsCompleted: false } now ? now.Why : null,
        };

    public Task Changed => Volatile.Read(ref changed).Task;

    public void Set(Progress next)
    {
        Volatile.Write(ref current, next);
        if (clock.GetElapsedTime(Volatile.Read(ref lastSignal)) < Pace)
            return;
        Signal();
    }

    /// <summary>Says why it cannot go on.</summary>
    /// <param name="until">Completes once it does; whoever watches is woken by that too.</param>
    public void Wait(string why, Task until)
    {
        var isNews = Current.Waiting != why;
        Volatile.Write(ref waiting, new Hindrance(why, until));
        if (isNews)
            Signal();
    }

    private void Signal()
    {
        Volatile.Write(ref lastSignal, clock.GetTimestamp());
        Interlocked.Exchange(ref changed, NewSignal()).TrySetResult();
    }

    private sealed record Hindrance(string Why, Task Until);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
