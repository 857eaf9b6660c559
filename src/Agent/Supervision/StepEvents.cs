using Appliance.Agent.Storage;

namespace Appliance.Agent.Supervision;

/// <summary>How each step is told: what was found is the planner's sentence, what was done is said here.</summary>
internal static class StepEvents
{
    /// <summary>The event of a step that worked. Drift that was repaired is a warning, what was wanted is not.</summary>
    public static NewEvent Done(Step step) =>
        step switch
        {
            Step.CreateNetwork s => Tell(
                s,
                s.Again,
                s.Again ? "network.recreated" : "network.created",
                $"made network {s.Network.Name}"
            ),
            Step.ReplaceNetwork s => Tell(s, true, "network.replaced", $"made network {s.Network.Name} anew"),
            Step.RemoveNetwork s => Tell(s, false, "network.removed", $"removed network {s.Name}"),
            Step.CreateVolume s => Tell(
                s,
                s.Again,
                s.Again ? "volume.recreated" : "volume.created",
                $"made volume {s.Volume.Name}, empty"
            ),
            Step.LoadImage s => Tell(s, s.Again, s.Again ? "image.reloaded" : "image.loaded", "loaded it"),
            Step.TagImage s => Tell(s, true, "image.tagged", $"tagged {s.Image.Id} as {s.Tag} again"),
            Step.Create s => Tell(
                s,
                s.Again,
                s.Again ? "container.recreated" : "container.created",
                $"made container {s.Name}"
            ),
            Step.Start s => Tell(
                s,
                s.Again,
                s.Again ? "container.restarted" : "container.started",
                $"started {s.Name}"
            ),
            Step.Restart s => Tell(s, !s.Asked, "container.restarted", $"restarted {s.Name}"),
            Step.Recreate { Asked: true } s => Tell(
                s,
                false,
                "container.removed",
                $"removed {s.Name}, to make another"
            ),
            Step.Recreate s => Tell(s, true, "healing.acted", $"removed {s.Name}, to make another: {Nth(s)}"),
            Step.ReloadImage s => Tell(
                s,
                true,
                "healing.acted",
                $"took image {s.Image.Reference} from the engine, with what was made from it, and loaded it again: {Nth(s)}"
            ),
            Step.Stop s => Tell(s, false, "container.stopped", $"stopped {s.Name}"),
            Step.Unpause s => Tell(s, true, "container.unpaused", $"unpaused {s.Name}"),
            Step.Switch s => Tell(s, false, "container.replaced", $"stopped its predecessor and started {s.Name}"),
            Step.Remove s => Tell(s, false, "container.removed", $"removed {s.Name}"),
            Step.Rename s => Tell(s, true, "container.renamed", $"renamed it from {s.From} to {s.To}"),
            Step.Connect s => Tell(s, true, "container.connected", $"connected {s.Name} to {s.Attachment.Network}"),
            Step.TakeOverRestarts s => Tell(
                s,
                true,
                "container.updated",
                $"set the engine's restart policy of {s.Name} to no"
            ),
            _ => throw new InvalidOperationException($"no words for {step.GetType().Name}"),
        };

    public static NewEvent Failed(Step step, StepFailure failure) =>
        new(
            EventSeverity.Error,
            "step.failed",
            step.Slot?.Service,
            step.Subject,
            step.Found,
            $"could not put it right: {failure.Error}; the next try is at {Words.At(failure.RetryAt)}"
        );

    private static string Nth(Step step) => $"try {step.Streak + 1} in a row";

    private static NewEvent Tell(Step step, bool drift, string kind, string done) =>
        new(
            drift ? EventSeverity.Warning : EventSeverity.Info,
            kind,
            step.Slot?.Service,
            step.Slot is null ? null : step.Subject,
            step.Found,
            done
        );
}
