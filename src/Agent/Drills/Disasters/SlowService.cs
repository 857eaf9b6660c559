using System.Globalization;
using Appliance.Agent.Storage;
using Appliance.Docker;

namespace Appliance.Agent.Drills;

/// <summary>A container that gets next to no processor time, as beside a neighbour that takes it all.</summary>
internal sealed class SlowService(DockerEngine engine) : Disaster
{
    // The least that the engine takes: 1 % of one processor.
    private const long LeastNanoCpus = 10_000_000;
    private const long LeastQuota = 1_000;

    public override string Name => "slow-service";

    public override string What => "leaves a container 1 % of a processor for a while";

    public override Expectation Expect(Target target, bool isShort) =>
        new(
            Course.HeldFor,
            DetectWithin: null,
            (target.Timings.Notice ?? TimeSpan.Zero)
                + target.Timings.Grace
                + target.Timings.Start
                + TimeSpan.FromSeconds(15),
            Hold: TimeSpan.FromSeconds(isShort ? 5 : 30)
        );

    public override Task<Injection> PlanAsync(Target target, CancellationToken ct) =>
        Task.FromResult(
            new Injection(
                target.Name,
                $"leaves {target.Name} 1 % of a processor",
                new Undo(
                    UndoKind.GiveBackCpu,
                    target.Id,
                    target.Inspection.HostConfig.NanoCpus is > 0 and var cpus
                        ? string.Create(CultureInfo.InvariantCulture, $"{Undoing.NanoCpus}{cpus}")
                        : Undoing.NoQuota
                )
            )
        );

    public override Task InjectAsync(Target target, Injection injection, CancellationToken ct) =>
        engine.Containers.UpdateAsync(
            target.Id,
            // The engine does not take the one for a container that has the other.
            injection.Undo!.Value == Undoing.NoQuota
                ? new ContainerUpdate { CpuQuota = LeastQuota }
                : new ContainerUpdate { NanoCpus = LeastNanoCpus },
            ct
        );
}
