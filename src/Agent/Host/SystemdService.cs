using System.Runtime.InteropServices;

namespace Appliance.Agent.Host;

/// <summary>
/// The agent as a <c>Type=notify</c> service whose <c>ExecReload=</c> sends SIGHUP: ready, reloads, watchdog, stopping.
/// </summary>
internal sealed class SystemdService(
    SystemdEnvironment environment,
    SystemdNotifier systemd,
    Settings settings,
    Liveness liveness,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<SystemdService> log
) : BackgroundService
{
    private readonly SemaphoreSlim reloads = new(0);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(systemd.Ready);
        lifetime.ApplicationStopping.Register(systemd.Stopping);
        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        reloads.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Without a handler SIGHUP would end the process.
        using var hangup = PosixSignalRegistration.Create(
            PosixSignal.SIGHUP,
            signal =>
            {
                signal.Cancel = true;
                reloads.Release();
            }
        );
        await Task.WhenAll(ReloadAsync(stoppingToken), WatchdogAsync(stoppingToken))
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ReloadAsync(CancellationToken ct)
    {
        while (true)
        {
            await reloads.WaitAsync(ct);
            systemd.Reloading();
            settings.Reload();
            systemd.Ready();
        }
    }

    private async Task WatchdogAsync(CancellationToken ct)
    {
        if (environment.Watchdog is not { } period)
            return;
        // Half, as sd_watchdog_enabled(3) asks for.
        using var timer = new PeriodicTimer(period / 2, clock);
        do
        {
            if (liveness.Alive)
                systemd.WatchdogAlive();
            else
                log.Stuck(period);
        } while (await timer.WaitForNextTickAsync(ct));
    }
}
