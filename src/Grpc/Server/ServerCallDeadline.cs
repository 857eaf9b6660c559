using Grpc.Core;

namespace Grpc.AspNetCore.Server;

/// <summary>The call's deadline and cancellation.</summary>
internal sealed partial class ServerCall
{
    // The longest due time that a timer takes is about 49 days; a later deadline is waited for in steps.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    private static readonly TimeProvider Clock = TimeProvider.System;

    private DateTime deadline = DateTime.MaxValue;
    private CancellationTokenSource? cancellation;
    private CancellationTokenRegistration aborted;
    private ITimer? timer;
    private TaskCompletionSource? deadlineEnd;

    public bool IsCancelled => CancellationTokenCore.IsCancellationRequested;

    protected override DateTime DeadlineCore => deadline;

    protected override CancellationToken CancellationTokenCore => cancellation?.Token ?? http.RequestAborted;

    public OperationCanceledException Cancelled(Exception? cause) =>
        new("The call was cancelled by its client, or its deadline passed.", cause, CancellationTokenCore);

    private void StartDeadline(TimeSpan timeout)
    {
        var now = Clock.GetUtcNow().UtcDateTime;
        deadline = timeout < DateTime.MaxValue - now ? now + timeout : DateTime.MaxValue;
        cancellation = new CancellationTokenSource();
        aborted = http.RequestAborted.UnsafeRegister(
            static source => _ = ((CancellationTokenSource)source!).CancelAsync(),
            cancellation
        );
        timer = Clock.CreateTimer(
            static call => ((ServerCall)call!).OnTimer(),
            this,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );
        // Armed only now: the callback uses the field.
        timer.Change(Shorter(timeout), Timeout.InfiniteTimeSpan);
    }

    private void StopDeadline()
    {
        timer?.Dispose();
        aborted.Dispose();
    }

    private void OnTimer()
    {
        var left = deadline - Clock.GetUtcNow().UtcDateTime;
        if (left > TimeSpan.Zero)
        {
            timer!.Change(Shorter(left), Timeout.InfiniteTimeSpan);
            return;
        }

        bool midWrite;
        lock (gate)
        {
            if (ended)
                return;
            ended = true;
            midWrite = writing;
            deadlineEnd = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _ = EndByDeadlineAsync(midWrite);
    }

    private async Task EndByDeadlineAsync(bool midWrite)
    {
        try
        {
            // A write in flight waits for a client that does not read: only a reset gets past it.
            var answer = midWrite ? Task.CompletedTask : AnswerAsync();
            if (midWrite)
                Reset(Http2Error.Cancel);
            await cancellation!.CancelAsync();
            await answer;
            if (!midWrite && !RequestCompleted)
                Reset(Http2Error.None);
        }
        catch (Exception e)
        {
            settings.Log.DeadlineFailed(settings.Method.FullName, e);
        }
        finally
        {
            deadlineEnd!.SetResult();
        }
    }

    private Task AnswerAsync()
    {
        // The handler may still be changing its own status and trailers: they are not looked at.
        WriteStatus(
            new Status(StatusCode.DeadlineExceeded, "The deadline passed before the call was answered."),
            metadata: null
        );
        return http.Response.CompleteAsync();
    }

    private static TimeSpan Shorter(TimeSpan timeout) =>
        timeout > LongestTimer ? LongestTimer : TimeSpan.FromMilliseconds(Math.Ceiling(timeout.TotalMilliseconds));
}
