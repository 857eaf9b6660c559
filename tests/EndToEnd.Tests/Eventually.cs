using System.Diagnostics;

namespace Appliance.EndToEnd;

/// <summary>Waits for what another process is about to do.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Tries until the answer is not null, and fails the test when the time is up.</summary>
    public static async Task<T> GetAsync<T>(
        string what,
        Func<CancellationToken, Task<T?>> attempt,
        CancellationToken cancellationToken
    )
        where T : class
    {
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < Deadline)
        {
            if (await attempt(cancellationToken) is { } answer)
                return answer;
            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }
        throw new TimeoutException($"{what}: not within {Deadline.TotalSeconds} s");
    }
}
