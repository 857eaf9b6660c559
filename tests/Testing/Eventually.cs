namespace Appliance.Testing;

/// <summary>Waits for a condition: as long as it takes and no longer, with a failure that says what did not happen.</summary>
public static class Eventually
{
    private static readonly TimeSpan Default = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(50);

    /// <summary>Returns once <paramref name="condition"/> holds.</summary>
    /// <param name="what">What is waited for, as a sentence.</param>
    /// <param name="condition">Asked again and again; what it throws ends the wait.</param>
    /// <param name="ct">Cancels the wait.</param>
    /// <param name="within">The deadline; 20 seconds when null.</param>
    /// <exception cref="TimeoutException">The deadline passed.</exception>
    public static Task TrueAsync(
        string what,
        Func<CancellationToken, Task<bool>> condition,
        CancellationToken ct,
        TimeSpan? within = null
    ) => GetAsync(what, async token => await condition(token) ? what : null, ct, within);

    /// <inheritdoc cref="TrueAsync(string, Func{CancellationToken, Task{bool}}, CancellationToken, TimeSpan?)"/>
    public static Task TrueAsync(string what, Func<bool> condition, CancellationToken ct, TimeSpan? within = null) =>
        TrueAsync(what, _ => Task.FromResult(condition()), ct, within);

    /// <summary>Returns the first answer of <paramref name="probe"/> that is not null.</summary>
    /// <inheritdoc cref="TrueAsync(string, Func{CancellationToken, Task{bool}}, CancellationToken, TimeSpan?)"/>
    public static async Task<T> GetAsync<T>(
        string what,
        Func<CancellationToken, Task<T?>> probe,
        CancellationToken ct,
        TimeSpan? within = null
    )
        where T : class
    {
        var limit = within ?? Default;
        using var deadline = new CancellationTokenSource(limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        using var timer = new PeriodicTimer(Between, TimeProvider.System);
        try
        {
            while (true)
            {
                if (await probe(either.Token) is { } answer)
                    return answer;
                await timer.WaitForNextTickAsync(either.Token);
            }
        }
        catch (OperationCanceledException e) when (deadline.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw new TimeoutException($"not within {limit.TotalSeconds:0.#} s: {what}", e);
        }
    }
}
