namespace Appliance.Docker;

/// <summary>Tells the two reasons to stop apart: the caller's wish, and an engine that does not answer in time.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly TimeSpan timeout;
    private readonly CancellationTokenSource timer;
    private readonly CancellationTokenSource either;
    private readonly CancellationToken callers;

    public Deadline(TimeSpan timeout, TimeProvider clock, CancellationToken callers)
    {
        this.timeout = timeout;
        this.callers = callers;
        timer = new(timeout, clock);
        either = CancellationTokenSource.CreateLinkedTokenSource(callers, timer.Token);
    }

    public async Task<T> GuardAsync<T>(Func<CancellationToken, Task<T>> call)
    {
        try
        {
            return await call(either.Token);
        }
        catch (OperationCanceledException e) when (timer.IsCancellationRequested && !callers.IsCancellationRequested)
        {
            throw new EngineUnavailableException($"the engine did not answer within {timeout}", e);
        }
        catch (OperationCanceledException e) when (callers.IsCancellationRequested && e.CancellationToken != callers)
        {
            // The caller knows its own token, not the one linked to it.
            throw new OperationCanceledException(e.Message, e, callers);
        }
    }

    public void Dispose()
    {
        either.Dispose();
        timer.Dispose();
    }
}
