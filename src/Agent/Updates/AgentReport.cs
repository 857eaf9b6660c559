using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Updates;

/// <summary>
/// Tells the guardian, once in the agent's life, that it is well: it has its state, it answers, and it has seen the engine, or
/// has looked for it in vain for long enough.
/// </summary>
internal sealed class AgentReport(
    AgentVersions versions,
    Database database,
    ISupervisor supervisor,
    IHostApplicationLifetime lifetime,
    TimeProvider clock,
    ILogger<AgentReport> log
) : BackgroundService
{
    // An engine that is away counts against nobody; after a power cut it may take minutes to start.
    private static readonly TimeSpan ForEngine = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource made = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when that was told; without a guardian at once.</summary>
    public Task Made => made.Task;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (versions.IsGuarded)
        {
            await StartedAsync(stoppingToken);
            // With its state in memory it knows of no release. It is started anew when that can be had, or gone back from.
            if (database.NotDurableBecause is not null)
                return;
            await EngineAsync(stoppingToken);
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

    private async Task EngineAsync(CancellationToken ct)
    {
        using var patience = new CancellationTokenSource(ForEngine, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ct);
        try
        {
            while (supervisor.View is { Engine.Reachable: false } seen)
                await supervisor.WaitForChangeAsync(seen, either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested) { }
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
