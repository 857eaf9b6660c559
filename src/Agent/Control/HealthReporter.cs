using Appliance.Agent.Host;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;
using Grpc.Health.V1;
using Grpc.HealthCheck;

namespace Appliance.Agent.Control;

/// <summary>Keeps the standard health service, and the line that systemd shows, in step with supervision.</summary>
/// <remarks>
/// <c>agent</c> answers at all; <c>engine</c> is reachable; <c>application</c> serves, if degraded; the empty name is
/// all of them.
/// </remarks>
internal sealed class HealthReporter(
    ISupervisor supervisor,
    Database database,
    HealthServiceImpl health,
    SystemdNotifier systemd,
    TimeProvider clock
) : BackgroundService
{
    /// <summary>How soon it is seen that the state is no longer durable, when nothing else changes.</summary>
    private static readonly TimeSpan Recheck = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var told = "";
        while (!stoppingToken.IsCancellationRequested)
        {
            var view = supervisor.View;
            var overall = OverallStatus.Of(view, database.NotDurableBecause);
            var serves = overall.Health != Overall.Failed;
            Report("agent", serving: true);
            Report("engine", view.Engine.Reachable);
            Report("application", serves);
            Report("", view.Engine.Reachable && serves);
            var sentence = Sentence(view, overall);
            if (sentence != told)
                systemd.Status(told = sentence);
            using var recheck = new CancellationTokenSource(Recheck, clock);
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, recheck.Token);
            await supervisor
                .WaitForChangeAsync(view, ending.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        foreach (var name in (ReadOnlySpan<string>)["", "application", "engine", "agent"])
            Report(name, serving: false);
    }

    private static string Sentence(SupervisionView view, OverallStatus overall)
    {
        var ready = view.Services.Count(s => s.State is ServiceState.Running or ServiceState.Completed);
        var problems = overall.Problems.Count == 0 ? "" : $" {overall.Problems[0]}";
        return $"{overall.Health.ToString().ToUpperInvariant()}: {ready} of {view.Services.Count} services up.{problems}";
    }

    private void Report(string name, bool serving) =>
        health.SetStatus(
            name,
            serving
                ? HealthCheckResponse.Types.ServingStatus.Serving
                : HealthCheckResponse.Types.ServingStatus.NotServing
        );
}
