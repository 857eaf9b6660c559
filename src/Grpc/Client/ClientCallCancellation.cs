using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>The ways in which this side ends a call.</summary>
internal static class CallEnd
{
    public static readonly Status Token = new(StatusCode.Cancelled, "The call was cancelled by its token.");
    public static readonly Status Disposed = new(StatusCode.Cancelled, "The call was disposed before it ended.");
    public static readonly Status Shutdown = new(StatusCode.Cancelled, "The channel was shut down.");
    public static readonly Status Deadline = new(StatusCode.DeadlineExceeded, "The deadline passed.");
}

/// <summary>The call's deadline and the tokens that cancel it.</summary>
internal abstract partial class ClientCall
{
    // The longest due time that a timer takes is about 49 days; a later deadline is waited for in steps.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    private static readonly TimeProvider Clock = TimeProvider.System;

    private readonly CancellationTokenSource cancellation = new();
    private DateTime deadline = DateTime.MaxValue;
    private object? cancelledFor;
    private ITimer? timer;
    private CancellationTokenRegistration byToken;
    private CancellationTokenRegistration byParent;
    private CancellationTokenRegistration byShutdown;

    /// <summary>Ends the HTTP request.</summary>
    public CancellationToken Token => cancellation.Token;

    /// <summary>Why this side ended the call; null when it did not.</summary>
    protected Status? CancelledFor => (Status?)Volatile.Read(ref cancelledFor);

    /// <summary>Ends the call from this side; the first reason counts.</summary>
    public void CancelFor(Status reason)
    {
        if (Outcome is not null || Interlocked.CompareExchange(ref cancelledFor, reason, null) is not null)
            return;
        cancellation.Cancel();
        Finish(new Outcome(reason, Metadata.Empty));
    }

    // False when there is no time left to call at all.
    private bool StartCancellation(out TimeSpan? timeout)
    {
        timeout = null;
        var parent = options.PropagationToken as ParentCallToken;
        deadline = Earlier(options.Deadline ?? DateTime.MaxValue, parent?.Deadline ?? DateTime.MaxValue);
        if (deadline != DateTime.MaxValue)
        {
            timeout = deadline - Clock.GetUtcNow().UtcDateTime;
            if (timeout <= TimeSpan.Zero)
                return false;
            timer = Clock.CreateTimer(
                static call => ((ClientCall)call!).OnTimer(),
                this,
                Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan
            );
            timer.Change(Shorter(timeout.Value), Timeout.InfiniteTimeSpan);
        }

        byToken = options.CancellationToken.UnsafeRegister(
            static call => ((ClientCall)call!).CancelFor(CallEnd.Token),
            this
        );
        if (parent is not null)
            byParent = parent.CancellationToken.UnsafeRegister(
                static call => ((ClientCall)call!).CancelFor(CallEnd.Token),
                this
            );
        byShutdown = channel.Shutdown.UnsafeRegister(
            static call => ((ClientCall)call!).CancelFor(CallEnd.Shutdown),
            this
        );
        // Cancelled before it began: then the end came before some of these registrations.
        if (Outcome is not null)
            StopCancellation();
        return true;
    }

    private void StopCancellation()
    {
        timer?.Dispose();
        // Not Dispose, which would wait for a callback that may be this very call.
        byToken.Unregister();
        byParent.Unregister();
        byShutdown.Unregister();
    }

    private void OnTimer()
    {
        var left = deadline - Clock.GetUtcNow().UtcDateTime;
        if (left > TimeSpan.Zero)
            timer!.Change(Shorter(left), Timeout.InfiniteTimeSpan);
        else
            CancelFor(CallEnd.Deadline);
    }

    private bool IsPastDeadline => Clock.GetUtcNow().UtcDateTime >= deadline;

    private static DateTime Earlier(DateTime one, DateTime other)
    {
        if (one.Kind != DateTimeKind.Utc && one != DateTime.MaxValue && one != DateTime.MinValue)
            throw new InvalidOperationException("A deadline is in UTC.");
        return one < other ? one : other;
    }

    private static TimeSpan Shorter(TimeSpan timeout) =>
        timeout > LongestTimer ? LongestTimer : TimeSpan.FromMilliseconds(Math.Ceiling(timeout.TotalMilliseconds));
}
