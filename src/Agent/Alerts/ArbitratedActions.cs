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
    /// <summary>After a start of the agent the engine may take its time, and what was asked for is not forgotten for that.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public async Task<ActionOutcome> RestartAsync(string service, string by, string reason, CancellationToken ct)
    {
        await UntilReadyAsync(service, ct);
        return await AskAsync(HealingAction.Restart, service, by, reason, ct);
    }

    public async Task<ActionOutcome> RecreateAsync(string service, string by, string reason, CancellationToken ct)
    {
        await UntilReadyAsync(service, ct);
        return await AskAsync(HealingAction.Recreate, service, by, reason, ct);
    }

    public async Task<ActionOutcome> RunAsync(string service, string by, string reason, CancellationToken ct)
    {
        await UntilReadyAsync(service, ct);
        return await AskAsync(HealingAction.RunOneShot, service, by, reason, ct);
    }

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

    private async Task UntilReadyAsync(string service, CancellationToken ct)
    {
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

    // A service that no pass has looked at yet is pending.
    private static bool IsReady(SupervisionView view, string service) =>
        view.Engine.Reachable
        && view.Release is not null
        && view.Service(service) is not { State: ServiceState.Pending };
}
