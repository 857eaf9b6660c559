using System.Text.Json;
using System.Text.Json.Serialization;
using Appliance.Agent.Storage;

namespace Appliance.Agent.Alerts;

/// <summary>What is told of alerts.</summary>
internal static class AlertWords
{
    /// <summary>Who acts when an alert does: <c>webhook:NAME</c>.</summary>
    public static string Actor(StoredToken token) => $"{WebhookTokens.Role}:{token.Name}";

    /// <summary>Why something is done, for whoever does it.</summary>
    public static string Reason(AlertRecord alert) =>
        $"alert {AlertLabels.NameOf(alert.Alert.Labels)}, rule {alert.Verdict.Rule}";

    /// <param name="done">A sentence without its full stop.</param>
    public static NewEvent Event(EventSeverity severity, string kind, AlertRecord alert, string done) =>
        new(
            severity,
            kind,
            alert.Verdict.Service,
            null,
            $"{alert.Alert.Sender} reports the alert {AlertLabels.NameOf(alert.Alert.Labels)} ({alert.Alert.Fingerprint})",
            done
        );

    public static NewAudit Audit(AlertRecord alert, string outcome, string detail) =>
        new(
            alert.Alert.Sender,
            WebhookTokens.Role,
            PathOf(alert.Alert.Source),
            JsonSerializer.Serialize(
                new AuditedAlert(
                    alert.Id,
                    AlertLabels.NameOf(alert.Alert.Labels),
                    alert.Verdict.Rule,
                    AlertDecision.InWords(alert.Verdict.Action, alert.Verdict.Service)
                ),
                AlertsJson.Default.AuditedAlert
            ),
            outcome,
            detail
        );

    /// <summary>Where messages of a source go.</summary>
    public static string PathOf(string source) => $"/webhooks/{source}";
}

/// <summary>What an audit record says of the alert that it is about.</summary>
internal sealed record AuditedAlert(long Alert, string Name, string? Rule, string Action);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(AuditedAlert))]
internal sealed partial class AlertsJson : JsonSerializerContext;
