using System.Globalization;
using Appliance.Agent.Storage;
using Google.Protobuf.WellKnownTypes;

namespace Appliance.Agent.Control;

/// <summary>Drills as messages: each is an operation, like those that change a release.</summary>
internal static class DrillMapping
{
    private const string Prefix = "drill-";
    private const string Whole = "drill";

    /// <summary>Null: there is none of that name.</summary>
    public static Drill? Named(this DrillJournal journal, string id) =>
        id.StartsWith(Prefix, StringComparison.Ordinal)
        && long.TryParse(id.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? journal.Find(number)
            : null;

    public static V1.Operation ToMessage(this Drill drill, IReadOnlyList<DisasterRecord> disasters) =>
        new()
        {
            Id = drill.Name,
            Kind = V1.OperationKind.Drill,
            State = drill.State switch
            {
                DrillState.Running => V1.OperationState.Running,
                DrillState.Done => V1.OperationState.Done,
                DrillState.Refused => V1.OperationState.Refused,
                DrillState.Cancelled => V1.OperationState.Cancelled,
                _ => V1.OperationState.Failed,
            },
            Phase =
                disasters.FirstOrDefault(d => d.Phase is DisasterPhase.Injecting or DisasterPhase.Outlived)?.Name
                ?? Whole,
            Sentence = drill.Sentence,
            Product = drill.Product,
            FromVersion = drill.Version,
            ToVersion = drill.Version,
            StartedAt = drill.StartedAt.ToTimestamp(),
            EndedAt = drill.EndedAt?.ToTimestamp(),
            Actor = drill.Actor,
            Reason = drill.Reason,
        };

    public static V1.OperationStep ToMessage(this DrillStep step) =>
        new()
        {
            Sequence = step.Sequence,
            Time = step.Time.ToTimestamp(),
            Phase = step.Disaster.Length > 0 ? step.Disaster : Whole,
            Text = step.Text,
            Outcome = step.Outcome switch
            {
                StepOutcome.Begun => V1.OperationStep.Types.Outcome.Begun,
                StepOutcome.Done => V1.OperationStep.Types.Outcome.Done,
                _ => V1.OperationStep.Types.Outcome.Failed,
            },
        };

    public static V1.DisasterReport ToMessage(this DisasterRecord disaster)
    {
        var result = disaster.Result;
        return new V1.DisasterReport
        {
            Name = disaster.Name,
            Service = disaster.Service,
            Target = result.Target,
            Outcome = result.Outcome switch
            {
                DisasterOutcome.Passed => V1.DisasterReport.Types.Outcome.Passed,
                DisasterOutcome.Failed => V1.DisasterReport.Types.Outcome.Failed,
                DisasterOutcome.NotRun => V1.DisasterReport.Types.Outcome.NotRun,
                _ => V1.DisasterReport.Types.Outcome.Pending,
            },
            Why = result.Why,
            Detected = result.Detected?.ToDuration(),
            DetectedBy = result.DetectedBy,
            DetectWithin = result.DetectWithin?.ToDuration(),
            Recovered = result.Recovered?.ToDuration(),
            RecoverWithin = result.RecoverWithin?.ToDuration(),
            FromUndo = result.FromUndo,
            Asked = result.Asked,
            Requests = result.Requests,
            Lost = result.Lost,
            LongestGap = result.Asked.Length > 0 ? result.Gap.ToDuration() : null,
        };
    }
}
