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
    SystemdNotifier systemd
) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var view = supervisor.View;
            var overall = OverallStatus.Of(view, database.NotDurableBecause);
            var application = view.Engine.Reachable && overall.Health != Overall.Failed;
            Report("agent", serving: true);
            Report("engine", view.Engine.Reachable);
            Report("application", overall.Health != Overall.Failed);
            Report("", application);
            systemd.Status(Sentence(view, overall));
            await supervisor
                .WaitForChangeAsync(view, stoppingToken)
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
