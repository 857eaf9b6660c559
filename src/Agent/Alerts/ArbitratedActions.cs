using Appliance.Agent.Healing;
using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Alerts;

/// <summary>Actions as the arbiter allows them, who decides for everybody and never acts twice on one thing.</summary>
internal sealed class ArbitratedActions(
    Arbiter arbiter,
    ISupervisor supervisor,
    UpdateJournal updates,
    TimeProvider clock
) : IAlertActions
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public async Task UntilReadyAsync(string? service, CancellationToken ct)
    {
        if (service is null)
            return;
        using var patience = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        while (true)
        {
            var view = supervisor.View;
            if (IsReady(view, service) || updates.Running is not null || either.IsCancellationRequested)
                break;
            await supervisor
                .WaitForChangeAsync(view, either.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        ct.ThrowIfCancellationRequested();
    }

    public Task<ActionOutcome> RestartAsync(string service, string by, string reason, CancellationToken ct) =>
        AskAsync(HealingAction.Restart, service, by, reason, ct);

    public Task<ActionOutcome> RecreateAsync(string service, string by, string reason, CancellationToken ct) =>
        AskAsync(HealingAction.Recreate, service, by, reason, ct);

    public Task<ActionOutcome> RunAsync(string service, string by, string reason, CancellationToken ct) =>
        AskAsync(HealingAction.RunOneShot, service, by, reason, ct);

    public Task<ActionOutcome> RebootAsync(string by, string reason, CancellationToken ct) =>
        AskAsync(HealingAction.Reboot, "", by, reason, ct);

    private async Task<ActionOutcome> AskAsync(
        HealingAction action,
        string service,
        string by,
        string reason,
        CancellationToken ct
    ) =>
        await arbiter.AskAsync(new HealingRequest(action, service, by, reason), ct) switch
        {
            HealingOutcome.Refused refused => new ActionOutcome.Refused(refused.Why),
            _ => new ActionOutcome.Done(),
        };

    // A service that no pass has looked at yet is pending.
    private static bool IsReady(SupervisionView view, string service) =>
        view.Engine.Reachable
        && view.Release is not null
        && view.Service(service) is not { State: ServiceState.Pending };
}
