using Appliance.Agent.Alerts;
using Appliance.Agent.Storage;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Appliance.Agent.Control;

internal sealed class AlertsService(AlertMap map, AlertJournal journal) : V1.AlertsService.AlertsServiceBase
{
    public override Task<V1.ListAlertsResponse> ListAlerts(V1.ListAlertsRequest request, ServerCallContext context)
    {
        if (request.Limit < 0)
            throw Rpc.Error(StatusCode.InvalidArgument, "limit must not be negative");
        var limit = request.Limit == 0 ? AlertJournal.Kept : request.Limit;
        return Task.FromResult(
            new V1.ListAlertsResponse
            {
                Rules = { map.InOrder().Select(ToMessage) },
                Alerts = { journal.Newest(limit).Select(ToMessage) },
            }
        );
    }

    public override Task<V1.MapAlertResponse> MapAlert(V1.MapAlertRequest request, ServerCallContext context) =>
        map.Put(FromMessage(request.Rule ?? new()), request.Before) switch
        {
            MapOutcome.Mapped mapped => Task.FromResult(
                new V1.MapAlertResponse { Rule = ToMessage(mapped.Rule), Replaced = mapped.Replaced }
            ),
            MapOutcome.Wrong wrong => throw Rpc.Error(StatusCode.InvalidArgument, wrong.Why),
            MapOutcome.Refused refused => throw Rpc.Error(StatusCode.FailedPrecondition, refused.Why),
            _ => throw new InvalidOperationException("a rule is made or not"),
        };

    public override Task<V1.UnmapAlertResponse> UnmapAlert(V1.UnmapAlertRequest request, ServerCallContext context) =>
        map.Remove(request.Name)
            ? Task.FromResult(new V1.UnmapAlertResponse())
            : throw Rpc.NoSuch("rule", request.Name, map.InOrder().Select(r => r.Name));

    public override Task<V1.TestAlertResponse> TestAlert(V1.TestAlertRequest request, ServerCallContext context)
    {
        if (AlertLabels.WhyNot("labels", request.Labels) is { } wrong)
            throw Rpc.Error(StatusCode.InvalidArgument, wrong);
        var (verdict, matching) = map.Test(request.Labels);
        return Task.FromResult(
            new V1.TestAlertResponse
            {
                State = ToMessage(verdict.State),
                Rule = matching is [var first, ..] ? ToMessage(first) : null,
                Also = { matching.Skip(1).Select(r => r.Name) },
                Why = verdict.Why,
            }
        );
    }

    private static AlertRule FromMessage(V1.AlertRule rule) =>
        new(
            rule.Name,
            rule.Matchers,
            rule.Action switch
            {
                V1.AlertAction.Nothing => AlertAction.Nothing,
                V1.AlertAction.Restart => AlertAction.Restart,
                V1.AlertAction.Recreate => AlertAction.Recreate,
                V1.AlertAction.Run => AlertAction.Run,
                V1.AlertAction.Reboot => AlertAction.Reboot,
                _ => throw Rpc.Error(StatusCode.InvalidArgument, "action is missing, or not known"),
            },
            rule.Service.Length > 0 ? rule.Service : null,
            CoolDownOf(rule.CoolDown),
            rule.DryRun,
            LastAt: null
        );

    private static TimeSpan CoolDownOf(Duration? given)
    {
        try
        {
            return given?.ToTimeSpan() ?? AlertMap.UsualCoolDown;
        }
        catch (Exception e) when (e is InvalidOperationException or OverflowException)
        {
            throw Rpc.Error(StatusCode.InvalidArgument, "cool_down is no duration");
        }
    }

    private static V1.AlertRule ToMessage(AlertRule rule) =>
        new()
        {
            Name = rule.Name,
            Matchers = { rule.Matchers.ToDictionary() },
            Action = ToMessage(rule.Action),
            Service = rule.Service ?? "",
            CoolDown = rule.CoolDown.ToDuration(),
            DryRun = rule.IsDryRun,
            LastAt = rule.LastAt?.ToTimestamp(),
        };

    private static V1.ReceivedAlert ToMessage(AlertRecord alert) =>
        new()
        {
            Id = alert.Id,
            ReceivedAt = alert.ReceivedAt.ToTimestamp(),
            LastSeenAt = alert.LastSeen.ToTimestamp(),
            Times = alert.Times,
            ResolvedAt = alert.ResolvedAt?.ToTimestamp(),
            Sender = alert.Alert.Sender,
            Source = alert.Alert.Source,
            Fingerprint = alert.Alert.Fingerprint,
            StartsAt = alert.Alert.StartsAt.ToTimestamp(),
            Labels = { alert.Alert.Labels.ToDictionary() },
            State = ToMessage(alert.Verdict.State),
            Rule = alert.Verdict.Rule ?? "",
            Action = ToMessage(alert.Verdict.Action),
            Service = alert.Verdict.Service ?? "",
            Why = alert.Verdict.Why,
        };

    private static V1.AlertAction ToMessage(AlertAction action) =>
        action switch
        {
            AlertAction.Nothing => V1.AlertAction.Nothing,
            AlertAction.Restart => V1.AlertAction.Restart,
            AlertAction.Recreate => V1.AlertAction.Recreate,
            AlertAction.Run => V1.AlertAction.Run,
            AlertAction.Reboot => V1.AlertAction.Reboot,
            _ => throw new ArgumentOutOfRangeException(nameof(action), action, "has no message"),
        };

    private static V1.AlertState ToMessage(AlertState state) =>
        state switch
        {
            AlertState.Unmatched => V1.AlertState.Unmatched,
            AlertState.Resolved => V1.AlertState.Resolved,
            AlertState.Nothing => V1.AlertState.Nothing,
            AlertState.DryRun => V1.AlertState.DryRun,
            AlertState.CoolingDown => V1.AlertState.CoolingDown,
            AlertState.Queued => V1.AlertState.Queued,
            AlertState.Acting => V1.AlertState.Acting,
            AlertState.Done => V1.AlertState.Done,
            AlertState.Refused => V1.AlertState.Refused,
            AlertState.Interrupted => V1.AlertState.Interrupted,
            _ => throw new ArgumentOutOfRangeException(nameof(state), state, "has no message"),
        };
}
