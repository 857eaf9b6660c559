using Appliance.Agent.Host;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Updates;

/// <summary>
/// Tells the guardian, once in the agent's life, that it is well: it has its state, it answers, and it has seen the engine.
/// </summary>
internal sealed class AgentReport(
    AgentVersions versions,
    ISupervisor supervisor,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<AgentReport> log
) : BackgroundService
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource made = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when that was told; without a guardian at once.</summary>
    public Task Made => made.Task;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (versions.IsGuarded)
        {
            await StartedAsync(stoppingToken);
            while (supervisor.View is { Engine.Reachable: false } seen)
                await supervisor.WaitForChangeAsync(seen, stoppingToken);
            while (!TryReport())
                await Task.Delay(AfterTrouble, clock, stoppingToken);
        }
        made.SetResult();
    }

    private async Task StartedAsync(CancellationToken ct)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (lifetime.ApplicationStarted.Register(started.SetResult))
            await started.Task.WaitAsync(ct);
    }

    private bool TryReport()
    {
        try
        {
            versions.ReportHealthy();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.ReportPutOff(e.Message);
            return false;
        }
    }
}
