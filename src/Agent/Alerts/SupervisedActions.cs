using Appliance.Agent.Storage;
using Appliance.Agent.Supervision;

namespace Appliance.Agent.Alerts;

/// <summary>Actions that supervision can do by itself. None goes against a person's wish, or into the middle of an update.</summary>
internal sealed class SupervisedActions(
    ISupervisor supervisor,
    Wishes wishes,
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

    public async Task<ActionOutcome> RestartAsync(string service, string by, string reason, CancellationToken ct) =>
        WhyNot(service) is { } why ? new ActionOutcome.Refused(why) : await AskAsync(service, by, reason, ct);

    public Task<ActionOutcome> RecreateAsync(string service, string by, string reason, CancellationToken ct) =>
        NotYet("to recreate a service");

    public async Task<ActionOutcome> RunAsync(string service, string by, string reason, CancellationToken ct)
    {
        if (WhyNot(service) is { } why)
            return new ActionOutcome.Refused(why);
        if (supervisor.View.Service(service) is not { IsMeantToEnd: true } seen)
            return new ActionOutcome.Refused($"{service} is no service that runs once and ends");
        // A restart would end it in the middle of its work.
        return seen.Containers.Any(c => c.State is "running" or "paused" or "restarting")
            ? new ActionOutcome.Refused($"{service} is running")
            : await AskAsync(service, by, reason, ct);
    }

    public Task<ActionOutcome> RebootAsync(string by, string reason, CancellationToken ct) =>
        NotYet("to reboot the machine");

    private async Task<ActionOutcome> AskAsync(string service, string by, string reason, CancellationToken ct) =>
        await supervisor.RestartAsync(service, by, reason, ct) switch
        {
            RestartOutcome.Restarted => new ActionOutcome.Done(),
            RestartOutcome.NotRestarted not => new ActionOutcome.Refused(not.Why),
            _ => new ActionOutcome.Refused(NoSuch(service)),
        };

    private string? WhyNot(string service) =>
        supervisor.View.Service(service) is null ? NoSuch(service)
        : updates.Running is { } running ? $"{running.Name} is under way: {running.Sentence}"
        : wishes.Of(service) is { } wish ? $"{wish.By} asked to stop {service}"
        : null;

    // A service that no pass has looked at yet is pending.
    private static bool IsReady(SupervisionView view, string service) =>
        view.Engine.Reachable
        && view.Release is not null
        && view.Service(service) is not { State: ServiceState.Pending };

    private static string NoSuch(string service) => $"the release that runs has no service {service}";

    private static Task<ActionOutcome> NotYet(string what) =>
        Task.FromResult<ActionOutcome>(new ActionOutcome.Refused($"{what} is not available yet"));
}
