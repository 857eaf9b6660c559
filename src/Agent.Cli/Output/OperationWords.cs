using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>What operations are called. What the words are made from comes from elsewhere: print it as one line.</summary>
internal static class OperationWords
{
    public static bool HasEnded(this Operation operation) =>
        operation.State is not (OperationState.Running or OperationState.Unspecified);

    public static string Of(OperationKind kind) =>
        kind switch
        {
            OperationKind.Install => "install",
            OperationKind.Upgrade => "upgrade",
            OperationKind.Rollback => "rollback",
            OperationKind.Drill => "drill",
            _ => "unknown",
        };

    public static Cell Of(OperationState state) =>
        state switch
        {
            OperationState.Running => new("running", Style.Cyan),
            OperationState.Done => new("done", Style.Green),
            OperationState.Failed => new("failed", Style.Red),
            OperationState.Refused => new("refused", Style.Red),
            OperationState.RolledBack => new("rolled back", Style.Yellow),
            OperationState.Cancelled => new("cancelled", Style.Yellow),
            _ => new("unknown", Style.Yellow),
        };

    /// <summary>"upgrade of demo from 1.0.0 to 2.0.0".</summary>
    public static string Describe(OperationKind kind, string product, string from, string to) =>
        kind is OperationKind.Drill ? $"{Of(kind)} of {product} {to}"
        : from.Length == 0 ? $"{Of(kind)} of {product} {to}"
        : $"{Of(kind)} of {product} from {from} to {to}";

    /// <summary>"Upgrade demo from 1.0.0 to 2.0.0?"</summary>
    public static string Question(UpdatePlan plan) =>
        Text.OneLine(
            plan.Kind switch
            {
                OperationKind.Install => $"Install {plan.Product} {plan.ToVersion}?",
                OperationKind.Rollback => $"Roll {plan.Product} back from {plan.FromVersion} to {plan.ToVersion}?",
                _ => $"Upgrade {plan.Product} from {plan.FromVersion} to {plan.ToVersion}?",
            }
        );
}
