namespace Appliance.Agent.Storage;

/// <summary>
/// Ends an agent whose state is in memory only once the state's file can be had again: its next start has all that was
/// stored, and containers do not notice. Does nothing otherwise.
/// </summary>
internal sealed class StorageReturn(
    Database database,
    IHostApplicationLifetime agent,
    TimeProvider clock,
    ILogger<StorageReturn> log
) : BackgroundService
{
    /// <summary>How often it looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (database.NotDurableBecause is null)
            return;
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (!database.CanBeOpened())
                continue;
            log.StateIsBack();
            agent.StopApplication();
            return;
        }
    }
}
