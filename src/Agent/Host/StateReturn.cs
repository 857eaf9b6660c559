using Appliance.Agent.Storage;

namespace Appliance.Agent.Host;

/// <summary>
/// Ends an agent whose state is in memory only once the state's file can be had again: systemd starts it anew, with all that
/// was stored, and containers do not notice. Does nothing otherwise, nor where nobody would start it.
/// </summary>
internal sealed class StateReturn(
    Database database,
    SystemdEnvironment systemd,
    IHostApplicationLifetime agent,
    TimeProvider clock,
    ILogger<StateReturn> log
) : BackgroundService
{
    /// <summary>How soon it looks first; then after twice as long each time.</summary>
    public static readonly TimeSpan First = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (database.NotDurableBecause is null || systemd.NotifySocket is null)
            return;
        for (var wait = First; ; wait = wait * 2 > Longest ? Longest : wait * 2)
        {
            await Task.Delay(wait, clock, stoppingToken);
            if (!database.CanBeOpened())
                continue;
            log.StateIsBack();
            agent.StopApplication();
            return;
        }
    }
}
