namespace Appliance.Agent.Updates;

/// <summary>Something else is being done; its name says what.</summary>
internal sealed class UpdatesBusyException(string with) : Exception($"{with}; wait for it, or cancel it");

/// <summary>
/// One thing at a time: a bundle that is taken in, or an operation. Whoever comes second is told what is being done, but
/// for the giving back of space, which is nobody's doing and is waited for.
/// </summary>
internal sealed class Occupancy : IDisposable
{
    private readonly SemaphoreSlim housekeeping = new(1);
    private readonly Lock gate = new();
    private string? with;

    /// <exception cref="UpdatesBusyException">Something else is being done.</exception>
    public async Task EnterAsync(string what, CancellationToken ct)
    {
        await housekeeping.WaitAsync(ct);
        try
        {
            lock (gate)
            {
                if (with is not null)
                    throw new UpdatesBusyException(with);
                with = what;
            }
        }
        finally
        {
            housekeeping.Release();
        }
    }

    /// <summary>Says anew what is being done.</summary>
    public void Become(string what)
    {
        lock (gate)
            with = what;
    }

    public void Leave()
    {
        lock (gate)
            with = null;
    }

    /// <summary>Ends what is being done, if anything is; whoever sees its end finds nothing in the way.</summary>
    public void Leave(Action end)
    {
        lock (gate)
        {
            end();
            with = null;
        }
    }

    /// <summary>Does what nothing may be begun beside, unless something is being done: that ends with the same.</summary>
    public async Task KeepHouseAsync(Func<Task> work, CancellationToken ct)
    {
        await housekeeping.WaitAsync(ct);
        try
        {
            if (!IsTaken)
                await work();
        }
        finally
        {
            housekeeping.Release();
        }
    }

    /// <summary>As <see cref="KeepHouseAsync(Func{Task}, CancellationToken)"/>, after what is being done has ended.</summary>
    public async Task KeepHouseAsync(Action end, Func<Task> work, CancellationToken ct)
    {
        await housekeeping.WaitAsync(ct);
        try
        {
            Leave(end);
            await work();
        }
        finally
        {
            housekeeping.Release();
        }
    }

    public void Dispose() => housekeeping.Dispose();

    private bool IsTaken
    {
        get
        {
            lock (gate)
                return with is not null;
        }
    }
}
