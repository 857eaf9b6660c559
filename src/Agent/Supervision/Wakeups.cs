using System.Threading.Channels;

namespace Appliance.Agent.Supervision;

/// <summary>Says that there may be something to do. Any number of calls before a pass lead to one pass.</summary>
internal sealed class Wakeups(TimeProvider clock)
{
    private readonly Channel<bool> pending = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );

    public void Wake() => pending.Writer.TryWrite(true);

    /// <summary>Returns at a wake-up, one that came before the call included, or after <paramref name="atMost"/>.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken ct)
    {
        if (atMost > TimeSpan.Zero && !pending.Reader.TryPeek(out _))
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var woken = pending.Reader.WaitToReadAsync(timeout.Token).AsTask();
            await Task.WhenAny(woken, Task.Delay(atMost, clock, timeout.Token));
            await timeout.CancelAsync();
        }

        ct.ThrowIfCancellationRequested();
        pending.Reader.TryRead(out _);
    }
}
