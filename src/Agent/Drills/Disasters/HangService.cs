using Appliance.Agent.Health;
using Appliance.Agent.Storage;
using Appliance.Docker;

namespace Appliance.Agent.Drills;

/// <summary>
/// A process that is there and does nothing. Its processes are stopped, and not the container paused: a pause is something
/// that the engine tells, and a hang only a probe finds out.
/// </summary>
internal sealed class HangService(DockerEngine engine, IProbeBook probes, TimeProvider clock) : Disaster
{
    public override string Name => "hang-service";

    public override string What => "stops the process of a container, so that it neither answers nor ends";

    public override async Task<string?> WhyNotAsync(Target target, CancellationToken ct)
    {
        if (target.Timings.Notice is null)
            return $"nothing probes {target.Service}, so that nobody would notice: its release declares no liveness probe";
        // A signal goes to a container's first process: with an init of the engine's it would stop that, and nobody else.
        return (await engine.Containers.InspectAsync(target.Id, ct)).HostConfig.Init == true
            ? $"{target.Service} runs under an init (`init: true`), which is all that a signal would stop"
            : null;
    }

    public override Expectation Expect(Target target, bool isShort) =>
        new(
            Course.Healed,
            target.Timings.Notice + TimeSpan.FromSeconds(5),
            // One that hangs does not end by itself, and is given all its grace.
            target.Timings.Notice!.Value
                + target.Timings.Grace
                + target.Timings.Start
                + TimeSpan.FromSeconds(15)
        );

    public override Task<Injection> PlanAsync(Target target, CancellationToken ct) =>
        Task.FromResult(
            new Injection(
                target.Name,
                $"stops the process of {target.Name} with SIGSTOP",
                new Undo(UndoKind.Continue, target.Id, "")
            )
        );

    public override Task InjectAsync(Target target, Injection injection, CancellationToken ct) =>
        engine.Containers.KillAsync(target.Id, "SIGSTOP", ct);

    /// <summary>An image may have an init of its own, or one process that answers and another that is the first.</summary>
    public override async Task<string?> WhyNoEffectAsync(Target target, CancellationToken ct)
    {
        // By now: what nobody has asked for so long is no answer to this.
        var since = clock.GetUtcNow() - target.Timings.Notice;
        var asked = probes.Of(target.Service).Where(p => p.Container == target.Name).ToList();
        var health = (await engine.Containers.InspectAsync(target.Id, ct)).State.Health;
        var (isAsked, isAnswered) =
            asked.Count > 0
                ? (
                    true,
                    asked.TrueForAll(p => p is { Healthy: true, ConsecutiveFailures: 0 } && p.LastCheckedAt > since)
                )
                : (health?.Log.Count > 0, health is { FailingStreak: 0, Log: [.., var last] } && last.End > since);
        return isAsked && isAnswered
            ? $"stopping its first process does not make it hang: {target.Name} is answering its probe still"
            : null;
    }
}
