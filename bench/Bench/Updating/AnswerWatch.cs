using System.Collections.Concurrent;

namespace Appliance.Bench.Updating;

/// <summary>
/// Asks a port of this machine every 5 ms, each time on another connection, whether those before were answered or not, and
/// notes when one was.
/// </summary>
internal sealed class AnswerWatch : IAsyncDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    // Those that wait for a container that is gone must not pile up.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentQueue<DateTimeOffset> answers = [];
    private readonly CancellationTokenSource end;
    private readonly Task asking;

    private AnswerWatch(int port, CancellationToken ct)
    {
        end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        asking = KeepAskingAsync(port);
    }

    /// <summary>Begins, and returns after the first answer.</summary>
    public static async Task<AnswerWatch> StartAsync(int port, CancellationToken ct)
    {
        var watch = new AnswerWatch(port, ct);
        try
        {
            await watch.UntilAnsweredAsync(DateTimeOffset.MinValue, ct);
            return watch;
        }
        catch
        {
            await watch.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for an answer that came after a moment.</summary>
    public async Task UntilAnsweredAsync(DateTimeOffset after, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Limit);
        while (!answers.Any(a => a > after))
            await Task.Delay(Every, TimeProvider.System, limit.Token);
    }

    /// <summary>The longest time in which nobody was answered: the answers before and after it.</summary>
    public async Task<(DateTimeOffset Last, DateTimeOffset First)> LongestSilenceAsync()
    {
        await StopAsync();
        var sorted = answers.Order().ToList();
        return sorted.Zip(sorted.Skip(1)).MaxBy(pair => pair.Second - pair.First);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        end.Dispose();
    }

    private async Task StopAsync()
    {
        await end.CancelAsync();
        await asking;
    }

    private async Task KeepAskingAsync(int port)
    {
        var asked = new List<Task>();
        using var timer = new PeriodicTimer(Every);
        try
        {
            while (await timer.WaitForNextTickAsync(end.Token))
            {
                asked.RemoveAll(a => a.IsCompleted);
                asked.Add(AskAsync(port));
            }
        }
        catch (OperationCanceledException)
        {
            // It was told to end.
        }
        await Task.WhenAll(asked);
    }

    private async Task AskAsync(int port)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(end.Token);
        patience.CancelAfter(Patience);
        if (await Answering.AnswersAsync(port, "bench", patience.Token))
            answers.Enqueue(TimeProvider.System.GetUtcNow());
    }
}
